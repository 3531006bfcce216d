"""The suite `extraction`: valid JSON, schema, precision, recall and F1 over all fields, and the table of fields."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from posttrain.errors import InputError
from posttrain.evaluate.answers import Answerer
from posttrain.evaluate.behaviour import run_suite
from posttrain.evaluate.suites.extraction import ExtractionSuite, field_table
from posttrain.evaluate.suites.registry import suite_kind
from suite_runs import answered, figures, written_suite

SCHEMA = {"type": "object", "required": ["drug"], "properties": {"mg": {"type": "number"}}}
ROWS: list[dict[str, Any]] = [
    {"input": "Take 5 mg of A.", "target": {"drug": "A", "mg": 5}},
    {"input": "Take B.", "target": '{"drug": "B"}', "metadata": {"schema": {"required": ["dose"]}}},
    {"input": "Take 7 mg of C.", "target": {"drug": "C", "mg": 7}, "metadata": {"schema": SCHEMA}},
]
ANSWERS = ['{"drug": "A", "mg": 6, "unit": "mg"}', '{"drug": "B"}', "C, 7 mg"]


def test_the_measures_count_over_all_fields(tmp_path: Path) -> None:
    options = written_suite(tmp_path, ROWS, kind="extraction", json_schema=SCHEMA)
    got = figures(options, answered(options, tmp_path, ANSWERS))
    right, given, wanted = 2, 4, 5
    assert got == pytest.approx(
        {
            "s/valid": 2 / 3,
            "s/schema": 1 / 3,
            "s/exact": 1 / 3,
            "s/precision": right / given,
            "s/recall": right / wanted,
            "s/f1": 2 * right / (given + wanted),
        }
    )


def test_answers_without_any_field_have_no_precision(tmp_path: Path) -> None:
    options = written_suite(tmp_path, ROWS[:1], kind="extraction")
    got = figures(options, answered(options, tmp_path, ["none"]))
    assert (got["s/precision"], got["s/recall"], got["s/schema"]) == (None, 0.0, None)


def test_the_table_counts_each_field_over_the_answers(tmp_path: Path) -> None:
    rows = [{"input": "x", "target": {"drugs": [{"name": "A", "mg": 5}, {"name": "B", "mg": 1}]}}]
    options = written_suite(tmp_path, rows, kind="extraction", lists="unordered", extract=True)
    assert isinstance(options, ExtractionSuite)
    samples = answered(options, tmp_path, ['Yes: {"drugs": [{"name": "B", "mg": 1}, {"name": "A"}], "n": 2}'])
    table = {line.field: tuple(line.counts) for line in field_table(options, samples)}
    assert table == {"drugs[].name": (2, 2, 2), "drugs[].mg": (1, 1, 2), "n": (0, 1, 0)}
    assert sum(right for right, _, _ in table.values()) == samples[0].values["right"]


@pytest.mark.parametrize(
    "row",
    [
        {"input": "x"},
        {"input": "x", "target": None},
        {"input": "x", "target": "not JSON"},
        {"input": "x", "target": 5},
        {"input": "x", "target": {}, "metadata": {"schema": {"type": "strin"}}},
    ],
)
def test_a_row_without_a_record_is_named(tmp_path: Path, row: dict[str, Any]) -> None:
    options = written_suite(tmp_path, [ROWS[0], row], kind="extraction")
    with pytest.raises(InputError, match=r"rows\.jsonl:2: "):
        suite_kind(options).read(options, tmp_path)


def test_a_schema_that_cannot_be_applied_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="json_schema"):
        written_suite(tmp_path, ROWS, kind="extraction", json_schema={"type": "strin"})


def test_a_model_that_does_not_write_cannot_be_measured(tmp_path: Path) -> None:
    options = written_suite(tmp_path, ROWS, kind="extraction")
    with pytest.raises(InputError, match="a reward model gives no answers"):
        run_suite(Answerer("a reward model"), options, tmp_path)
