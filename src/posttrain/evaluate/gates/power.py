"""Gates that no result can pass, because the suite has too few questions: a plan says so before anything is trained."""

from collections.abc import Sequence

from posttrain.evaluate.answers import ModelAnswer
from posttrain.evaluate.gates.options import Gate, NotWorse, Threshold, read_gate
from posttrain.evaluate.gates.resolve import Subject
from posttrain.evaluate.questions import Question
from posttrain.evaluate.sample import sample_of
from posttrain.statistics.confidence import Proportion
from posttrain.statistics.tango import PairedShares
from posttrain.statistics.verdicts import ALPHA

MOST = 100_000
"""The largest number of questions that is looked for."""


def too_few_questions(gate: Gate, subject: Subject, questions: Sequence[Question], samples: int) -> str | None:
    """A sentence if even a perfect result could not show the claim of a share; None if one could.

    Args:
        questions: of the suite.
        samples: answers to each question.
    """
    claim, part = read_gate(gate.gate).claim, read_gate(gate.gate).slice
    if subject.measure.unit != "share" or subject.measure.value is None or not isinstance(claim, Threshold | NotWorse):
        return None
    n = min((_independent(subject, group) for group in _slices(questions, part)), default=0)
    if n == 0 or _can_pass(claim, n):
        return None
    needed = next((count for count in range(n, MOST) if _can_pass(claim, count)), None)
    answers = f"{n} independent questions" + (" of the smallest slice" if part == "*" else "")
    if needed is None:
        return f"gate `{gate.gate}`: no number of answers can show this; choose a value inside the scale"
    more = f" ({samples} answers to one question do not count as more)" if samples > 1 else ""
    return f"gate `{gate.gate}`: with {answers}{more} even a perfect result is inconclusive; {needed} can show it"


def _can_pass(claim: Threshold | NotWorse, n: int) -> bool:
    if isinstance(claim, NotWorse):
        return PairedShares(0, 0, n).p_above(-claim.margin) <= ALPHA
    if claim.direction == "at least":
        return Proportion(n, n).p_above(claim.value) <= ALPHA
    return Proportion(0, n).p_below(claim.value) <= ALPHA


def _slices(questions: Sequence[Question], part: str | None) -> list[list[Question]]:
    if part is None:
        return [list(questions)]
    names = dict.fromkeys(str(question.slice) for question in questions) if part == "*" else [part]
    return [[question for question in questions if str(question.slice) == name] for name in names]


def _independent(subject: Subject, questions: Sequence[Question]) -> int:
    """The number of groups of questions that the measure applies to, as far as it shows before there are answers."""
    value = subject.measure.value
    samples = [sample_of(question, ModelAnswer(""), 0, {}) for question in questions]
    applies = [sample for sample in samples if value is not None and value(sample) is not None]
    return len({sample.cluster for sample in applies or samples})
