"""One answer of a suite with all that its measures need, as ``samples_SUITE.jsonl`` keeps it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
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
    """The samples that `write_samples` wrote; also those of older runs."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield sample_of_json(json.loads(line))


OLD_VALUE = "value"
"""The name of the only value of a sample in runs that were made before suites had kinds."""


def sample_of_json(row: Mapping[str, Any]) -> Sample:
    """A sample from its JSON object. Keys of later versions are left out; old runs have one `value` and no repeats.

    Raises:
        KeyError, TypeError, ValueError: the object is no sample.
    """
    if "values" in row:
        return Sample(**{name: value for name, value in row.items() if name in _FIELDS})
    value = None if row.get("value") is None else float(row["value"])
    texts = str(row["question"]), row.get("target"), str(row["answer"])
    return Sample(str(row["id"]), 0, row.get("slice"), None, *texts, {OLD_VALUE: value})


_FIELDS = {field.name for field in fields(Sample)}
