"""The audit's reading of a source: by guessed columns for files, by the trainer's convention for a recipe."""

from collections.abc import Mapping
from typing import Any

import pytest

from audits import Write
from posttrain.audit.rows.convention import reading_of, trainer_reading
from posttrain.audit.rows.source import AuditSource
from posttrain.audit.run import audit_sources
from posttrain.console import Screen
from posttrain.data.files.read import Row
from posttrain.data.formats.conventions import Kind
from posttrain.data.formats.detect import convention_of

LABELLED = {"text": "The room was clean.", "label": "good"}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (LABELLED, "sft"),
        ({"prompt": "Say a.", "answer": "a"}, "prompt"),
        ({"prompt": "Say a.", "completion": "a"}, "prompt"),
        ({"prompt": "Say a.", "completion": "a", "chosen": "a", "rejected": "b"}, "sft"),
    ],
)
def test_a_recipe_is_read_by_the_convention_of_its_trainer(values: Mapping[str, Any], kind: Kind) -> None:
    row = Row("rows.jsonl:1", dict(values))
    reading = trainer_reading(row, [kind], {})
    assert (reading.kind, reading.convention, reading.guessed) == (kind, convention_of(row, kind), False)


def test_rows_that_no_trainer_reads_are_still_guessed() -> None:
    row = Row("rows.jsonl:1", {"question": "Is it?", "answer": "Yes."})
    assert trainer_reading(row, ["sft"], {}) == reading_of(row, {})
    assert reading_of(row, {}).guessed


def test_a_text_with_a_label_is_a_prompt_for_files_and_a_text_for_a_recipe(write: Write) -> None:
    path = write("train.jsonl", [LABELLED | {"text": f"The room {n} was clean."} for n in range(4)])
    kinds: list[tuple[Kind, ...]] = [(), ("sft",)]
    reports = [
        audit_sources([AuditSource(str(path), {}, kinds=some)], screen=Screen(quiet=True), workers=1) for some in kinds
    ]
    conventions = [report.files[str(path)]["convention"] for report in reports]
    assert conventions == ["prompt and completion", "text"]
    assert ["guessed-columns" in {finding.name for finding in report.findings} for report in reports] == [True, False]
