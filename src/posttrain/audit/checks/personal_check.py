"""The checks for personal data and for secrets."""

from posttrain.audit.checks.personal import PERSONAL_PATTERNS, SECRET_PATTERNS, masked_matches
from posttrain.audit.checks.row_check import QUOTE, RowCheck
from posttrain.audit.findings import Rule
from posttrain.audit.rows.entry import Entry

PERSONAL = Rule(
    "personal-data",
    "warn",
    "rows hold personal data",
    "mask the data that are not invented: a model repeats its training data",
)
SECRET = Rule(
    "secret",
    "block",
    "rows hold a key, a token or a password",
    "revoke it, then remove it: a model repeats its training data",
)


def _personal(entry: Entry) -> str | None:
    return ", ".join(dict.fromkeys(masked_matches(entry.text, PERSONAL_PATTERNS)))[:QUOTE] or None


def _secret(entry: Entry) -> str | None:
    return ", ".join(dict.fromkeys(masked_matches(entry.text, SECRET_PATTERNS)))[:QUOTE] or None


CHECKS = (RowCheck(PERSONAL, _personal), RowCheck(SECRET, _secret))
