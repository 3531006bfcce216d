"""The type of a check on one row, and how its finding quotes the row."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from posttrain.audit.findings import Rule
from posttrain.audit.rows.entry import Entry

QUOTE = 160
"""The most characters of a row that a finding quotes."""


@dataclass(frozen=True, slots=True)
class RowCheck:
    """A check on one row.

    Args:
        rule: the rule that a row may break.
        evidence: returns a few words of the row that show the fault; None if the row does not break the rule.
    """

    rule: Rule
    evidence: Callable[[Entry], str | None]


def snippet(text: str, match: re.Match[str]) -> str:
    """The match with a few characters on both sides."""
    start, end = max(0, match.start() - 30), min(len(text), match.end() + 30)
    words = " ".join(text[start:end].split())
    return ("…" if start else "") + words[:QUOTE] + ("…" if end < len(text) else "")
