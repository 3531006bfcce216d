"""The type of a check on one row, and how its finding quotes the row."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from posttrain.audit.findings import Rule
from posttrain.audit.rows.entry import Entry

QUOTE = 160
"""Characters of a row that a finding quotes at most."""


@dataclass(frozen=True, slots=True)
class RowCheck:
    """A check on one row.

    Args:
        rule: the rule that a row may break.
        evidence: a few words of the row that show the fault; None where the row is in order.
    """

    rule: Rule
    evidence: Callable[[Entry], str | None]


def snippet(text: str, match: re.Match[str]) -> str:
    """The match with a few words on both sides."""
    start, end = max(0, match.start() - 30), min(len(text), match.end() + 30)
    words = " ".join(text[start:end].split())
    return ("…" if start else "") + words[:QUOTE] + ("…" if end < len(text) else "")
