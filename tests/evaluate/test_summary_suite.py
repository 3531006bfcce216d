"""The suite `summary`: ROUGE, facts, claims, numbers and length."""

from pathlib import Path
from typing import Any

import pytest
from rouge_score.rouge_scorer import RougeScorer

from posttrain.errors import InputError
from posttrain.evaluate.suites.registry import suite_kind
from suite_runs import answered, figures, written_suite

SOURCE = "The patient takes 5 mg of A twice a day and has no rash."
ROWS: list[dict[str, Any]] = [
    {
        "input": f"In at most 50 words: {SOURCE}",
        "target": "Takes A 5 mg twice a day.",
        "metadata": {
            "source": SOURCE,
            "facts": ["5 mg", ["no rash", "without rash"]],
            "forbidden": [{"regex": "10 mg"}],
        },
    },
    {"input": SOURCE, "metadata": {"facts": None, "forbidden": ["penicillin"]}},
]
ANSWERS = ["A 50 mg, 5 mg, no rash.", "No penicillin."]


def test_each_measure_is_the_mean_over_the_rows_that_have_it(tmp_path: Path) -> None:
    options = written_suite(tmp_path, ROWS, kind="summary")
    got = figures(options, answered(options, tmp_path, ANSWERS))
    right = RougeScorer(["rouge1", "rouge2", "rougeL"]).score(ROWS[0]["target"], ANSWERS[0])
    assert got == pytest.approx(
        {
            **{f"s/{name}": score.fmeasure for name, score in right.items()},
            "s/facts_kept": 1.0,
            "s/forbidden_absent": 0.5,
            "s/numbers_grounded": 0.5,
            "s/words": (7 + 2) / 2,
            "s/length_ratio": (7 + 2) / 2 / len(SOURCE.split()),
        }
    )


@pytest.mark.parametrize(
    "row",
    [
        {"input": "x", "target": {"a": 1}},
        {"input": "x", "metadata": {"facts": [3]}},
        {"input": "x", "metadata": {"forbidden": ["!"]}},
        {"input": "x", "metadata": {"facts": [{"regex": "("}]}},
        {"input": "x", "metadata": {"source": ""}},
        {"input": "x", "metadata": {"source": ["x"]}},
    ],
)
def test_a_row_that_cannot_be_measured_is_named(tmp_path: Path, row: dict[str, Any]) -> None:
    options = written_suite(tmp_path, [ROWS[0], row], kind="summary")
    with pytest.raises(InputError, match=r"rows\.jsonl:2: "):
        suite_kind(options).read(options, tmp_path)
