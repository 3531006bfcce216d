"""One answer of a suite with all that its measures need, as ``samples_SUITE.jsonl`` keeps it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from posttrain.evaluate.answers import ModelAnswer
from posttrain.evaluate.questions import Question
from posttrain.files import write_whole

Values = Mapping[str, float | None]
"""Name of a value → the value; None where it does not apply to this answer."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer, measured.

    Args:
        id: of the question.
        repeat: the number of the answer among several to one question.
        slice: the part of the suite.
        group: questions of one group depend on each other; intervals count groups, not questions.
        question: its last message.
        target: of the row.
        answer: the text.
        values: what was measured of this answer.
        label: the category of the answer, such as "full_refusal" or the predicted class; None if there is none.
        confidence: the model's probability of its answer; None if it is not known.
        expected: what a good model does: answer, refuse or abstain; None if the row does not name it.
    """

    id: str
    repeat: int
    slice: str | None
    group: str | None
    question: str
    target: Any
    answer: str
    values: Values = field(default_factory=dict[str, float | None])
    label: str | None = None
    confidence: float | None = None
    expected: str | None = None

    @property
    def key(self) -> tuple[str, int]:
        """What pairs the answers of two models."""
        return self.id, self.repeat

    @property
    def cluster(self) -> str:
        """What is independent of all else: the group, or the question."""
        return self.id if self.group is None else f"group {self.group}"


def sample_of(
    question: Question,
    answer: ModelAnswer,
    repeat: int,
    values: Values,
    *,
    label: str | None = None,
    confidence: float | None = None,
) -> Sample:
    """A question, its answer and what was measured."""
    return Sample(
        id=question.id,
        repeat=repeat,
        slice=question.slice,
        group=question.group,
        question=question.text,
        target=question.row.get("target"),
        answer=answer.text,
        values=values,
        label=label,
        confidence=answer.probability if confidence is None else confidence,
        expected=question.expected,
    )


def write_samples(path: Path, samples: Sequence[Sample]) -> None:
    """Write one JSON object a line."""
    write_whole(path, "".join(json.dumps(asdict(sample), ensure_ascii=False) + "\n" for sample in samples))


def read_samples(path: Path) -> Iterator[Sample]:
    """The samples that `write_samples` wrote; also those of older runs, which have one `value` and no `repeat`."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            row: dict[str, Any] = json.loads(line)
            if "values" not in row:
                row = {"values": {"value": row.pop("value")}, "repeat": 0, "group": None, **row}
            yield Sample(**row)
