"""The suite `instructions`: strict and loose, by prompt and by instruction, and the table of types."""

from pathlib import Path
from typing import Any

import pytest

from posttrain.errors import InputError
from posttrain.evaluate.suites.instructions import type_table
from posttrain.evaluate.suites.registry import suite_kind
from suite_runs import answered, figures, written_suite

ROWS: list[dict[str, Any]] = [
    {
        "key": 1000,
        "prompt": "Write a title, without commas, in lower case.",
        "instruction_id_list": ["punctuation:no_comma", "detectable_format:title", "change_case:english_lowercase"],
        "kwargs": [{}, {}, {"num_words": None}],
    },
    {"input": "No commas.", "metadata": {"instructions": [{"kind": "no_comma"}]}},
]
ANSWERS = ["Sure, here it is:\n<<a poem>>\nthe end", "none"]


def test_prompts_and_instructions_are_counted_strict_and_loose(tmp_path: Path) -> None:
    options = written_suite(tmp_path, ROWS, kind="instructions")
    samples = answered(options, tmp_path, ANSWERS)
    assert figures(options, samples) == {
        "s/prompt_strict": 1 / 2,
        "s/instruction_strict": 2 / 4,
        "s/prompt_loose": 1.0,
        "s/instruction_loose": 1.0,
    }
    assert [tuple(line) for line in type_table(samples)] == [
        ("change_case:english_lowercase", 1, 0.0, 1.0),
        ("detectable_format:title", 1, 1.0, 1.0),
        ("punctuation:no_comma", 2, 0.5, 1.0),
    ]


def test_a_row_with_wrong_instructions_is_named(tmp_path: Path) -> None:
    wrong = {"input": "x", "metadata": {"instructions": [{"kind": "number_words"}]}}
    options = written_suite(tmp_path, [*ROWS, wrong], kind="instructions")
    with pytest.raises(InputError, match=r"rows\.jsonl:3: metadata\.instructions\[0\]: `number_words`: num_words"):
        suite_kind(options).read(options, tmp_path)
