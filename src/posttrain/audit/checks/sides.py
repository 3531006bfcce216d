"""Checks on the two sides of one preference pair."""

from posttrain.audit.checks.row_check import QUOTE, RowCheck
from posttrain.audit.findings import Rule
from posttrain.audit.rows.entry import Entry, normalised
from posttrain.data.similarity import NEARLY_ALL, ComparedText, near_identical, numbers_in

NEAR_IDENTICAL = Rule(
    "near-identical-sides",
    "warn",
    "pairs have two answers with almost the same words",
    "look at them: the model learns only the small difference; keep the pair if that difference matters",
)
EMPTY_SIDE = Rule(
    "empty-side", "warn", "pairs have an empty answer on one side", "drop them, or collect the pairs again", "drop"
)


def _near_identical(entry: Entry) -> str | None:
    if len(entry.outputs) < 2 or not entry.ranks or entry.answer == entry.worst:
        return None
    best, worst = _compared(entry.answer), _compared(entry.worst)
    if not best.words or not near_identical(best, worst, NEARLY_ALL):
        return None
    return f"“{entry.answer[:60]}” and “{entry.worst[:60]}”"


def _compared(text: str) -> ComparedText:
    """The text without letter case and punctuation."""
    words = normalised(text)
    return ComparedText(words, tuple(numbers_in(words)))


def _empty_side(entry: Entry) -> str | None:
    return repr(entry.prompt[:QUOTE]) if len(entry.outputs) > 1 and not all(o.strip() for o in entry.outputs) else None


CHECKS = (RowCheck(NEAR_IDENTICAL, _near_identical), RowCheck(EMPTY_SIDE, _empty_side))
