"""The suite `extraction`: records as JSON, compared field by field."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import Field, field_validator

from posttrain.errors import InputError
from posttrain.evaluate.answers import Answerer, OnDone, answers_of
from posttrain.evaluate.measures import SuiteMeasure, mean_of
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.questions import Question, metadata_of, read_questions
from posttrain.evaluate.sample import Sample, Values, sample_of
from posttrain.evaluate.suites.types import SuiteKind
from posttrain.rewards.json_f1 import FieldCounts, Lists, check_record, expected_json, field_counts, field_leaves
from posttrain.rewards.json_schema import validator
from posttrain.rewards.json_text import find_json
from posttrain.statistics.estimate import Measure as IndexMeasure


class ExtractionSuite(SuiteOptions):
    """Records to extract: `target` is the record, as JSON. `metadata.schema` may hold a JSON Schema."""

    kind: Literal["extraction"]
    extract: bool = Field(
        default=False, description="take the JSON out of the text around it; if false, all of it must be JSON"
    )
    lists: Lists = Field(
        default="ordered",
        description="ordered: an item is right in its own place only; unordered: items may have any order",
    )
    json_schema: Mapping[str, Any] | None = Field(
        default=None, description="JSON Schema of the rows that have no `metadata.schema`"
    )

    @field_validator("json_schema")
    @classmethod
    def _applies(cls, schema: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        if schema is not None:
            try:
                validator(schema, "json_schema")
            except InputError as error:
                raise ValueError(str(error)) from error
        return schema


def read_extraction_suite(options: ExtractionSuite, base: Path) -> list[Question]:
    """The requests.

    Raises:
        InputError: see `read_questions`; a target is no JSON record; or a schema cannot be applied.
    """

    def check(question: Question) -> None:
        check_record(question.row.get("target"))
        schema = schema_of(options, question)
        if schema is not None:
            validator(schema, "`metadata.schema`")

    return read_questions(options, base, check)


def run_extraction_suite(
    options: ExtractionSuite, questions: Sequence[Question], answerer: Answerer, base: Path, done: OnDone
) -> list[Sample]:
    """Answer the requests, and count the right fields of each answer."""
    answers = answers_of(answerer, questions, options, done)
    repeated = [(question, repeat) for question in questions for repeat in range(options.samples)]
    return [
        sample_of(question, answer, repeat, record_values(options, question, answer.final))
        for (question, repeat), answer in zip(repeated, answers, strict=True)
    ]


def schema_of(options: ExtractionSuite, question: Question) -> Any:
    """The schema of a row: its own, or the suite's; None if there is none."""
    own = metadata_of(question.row).get("schema")
    return options.json_schema if own is None else own


def record_values(options: ExtractionSuite, question: Question, answer: str) -> Values:
    """What the measures need of an answer.

    Raises:
        InputError: a pattern of the schema takes too many steps on this answer.
    """
    found = find_json(answer, extract=options.extract)
    schema = schema_of(options, question)
    fits = None if schema is None else found is not None and validator(schema, "`metadata.schema`")(found[0])
    counts = field_counts(expected_json(question.row["target"]), found, options.lists)
    return {
        "valid": float(found is not None),
        "schema": None if fits is None else float(fits),
        **{name: float(count) for name, count in counts._asdict().items()},
        "exact": float(counts.exact),
    }


def extraction_measures(options: ExtractionSuite) -> Sequence[SuiteMeasure]:
    """Valid JSON, the schema, exact records; precision, recall and F1 over all fields of all answers (micro)."""
    return (
        mean_of("valid"),
        mean_of("schema"),
        mean_of("exact"),
        SuiteMeasure("precision", "higher", statistic=_ratio(("right",), ("given",))),
        SuiteMeasure("recall", "higher", statistic=_ratio(("right",), ("wanted",))),
        SuiteMeasure("f1", "higher", statistic=_ratio(("right", "right"), ("given", "wanted"))),
    )


def _ratio(above: Sequence[str], below: Sequence[str]) -> Any:
    """The sum of some counts of the answers by the sum of others; NaN where the latter is 0."""

    def statistic(samples: Sequence[Sample]) -> IndexMeasure:
        above_N, below_N = (
            np.array([sum(float(sample.values[name] or 0) for name in names) for sample in samples])
            for names in (above, below)
        )

        def measure(picked: np.ndarray) -> float:
            total = below_N[picked].sum()
            return float(above_N[picked].sum() / total) if total else float("nan")

        return measure

    return statistic


class FieldLine(NamedTuple):
    """A field of the records, in a report.

    Args:
        field: its path; the places of lists are written `[]`.
        counts: over all answers.
    """

    field: str
    counts: FieldCounts


def field_table(options: ExtractionSuite, samples: Sequence[Sample]) -> list[FieldLine]:
    """Each field of the expected records and of the answers, in the order in which it first occurs."""
    right, given, wanted = Counter[str](), Counter[str](), Counter[str]()
    for sample in samples:
        found = find_json(sample.answer, extract=options.extract)
        expected, has = field_leaves(expected_json(sample.target), found, options.lists)
        right.update(_name(path) for path, leaf in expected.items() if has.get(path) == leaf)
        given.update(map(_name, has))
        wanted.update(map(_name, expected))
    return [FieldLine(f, FieldCounts(right[f], given[f], wanted[f])) for f in dict.fromkeys([*wanted, *given])]


def _name(path: Sequence[str | int]) -> str:
    return ".".join("[]" if isinstance(step, int) else step for step in path).replace(".[]", "[]") or "(value)"


SUITES = (SuiteKind(ExtractionSuite, read_extraction_suite, run_extraction_suite, extraction_measures),)
