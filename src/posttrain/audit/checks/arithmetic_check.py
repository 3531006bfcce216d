"""The check for answers that state a wrong equation."""

from posttrain.audit.checks.arithmetic import wrong_equations
from posttrain.audit.checks.row_check import QUOTE, RowCheck
from posttrain.audit.findings import Rule
from posttrain.audit.rows.entry import Entry

ARITHMETIC = Rule(
    "wrong-arithmetic",
    "warn",
    "answers state an equation that does not hold",
    "correct or drop them: the model learns wrong results as it learns right ones",
)


def _arithmetic(entry: Entry) -> str | None:
    wrong = wrong_equations(entry.answer)
    return "; ".join(wrong[:3])[:QUOTE] if wrong else None


CHECKS = (RowCheck(ARITHMETIC, _arithmetic),)
