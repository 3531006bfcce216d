"""Pairs of answers: what two models wrote to the same prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from posttrain.evaluate.answers import ModelAnswer
from posttrain.evaluate.questions import Question

Side = Literal["A", "B"]
"""One of the two models."""

Outcome = Literal["A", "B", "tie"]
"""The model whose answer is better, or a tie."""


@dataclass(frozen=True, slots=True)
class AnswerPair:
    """Two answers to one prompt.

    Args:
        id: of the prompt.
        where: the row's place, ``file:line``.
        messages: the conversation that both models answer.
        slice: the part of the data.
        group: prompts of one group depend on each other; intervals count groups, not prompts.
        a, b: the answers of model A and model B.
    """

    id: str
    where: str
    messages: tuple[Mapping[str, Any], ...]
    slice: str | None
    group: str | None
    a: str
    b: str

    @property
    def question(self) -> str:
        """The last message, as tables show it."""
        return str(self.messages[-1]["content"]) if self.messages else ""

    @property
    def cluster(self) -> str:
        """What is independent of all else: the group, or the prompt."""
        return self.id if self.group is None else f"group {self.group}"

    @property
    def identical(self) -> bool:
        """Whether both models wrote the same text; such a pair is a tie without a judge."""
        return self.a == self.b

    def answer(self, side: Side) -> str:
        """The answer of one model."""
        return self.a if side == "A" else self.b


def answer_pairs(
    questions: Sequence[Question], first: Sequence[Sequence[ModelAnswer]], second: Sequence[Sequence[ModelAnswer]]
) -> list[AnswerPair]:
    """The pair of each question.

    Args:
        first: answers of model A to each question, of which the first counts.
        second: the same of model B.
    """
    return [
        AnswerPair(q.id, q.where, q.messages, q.slice, q.group, a[0].text, b[0].text)
        for q, a, b in zip(questions, first, second, strict=True)
    ]
