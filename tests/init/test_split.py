"""The division of a file into training and test: by prompt, whatever the order of the rows."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from advising import many_tasks, pairs, replies, write
from command_line import Posttrain
from posttrain.data.files.read import read_rows
from posttrain.data.sets.split import VALIDATION, part_of
from posttrain.data.skipped import Skips
from posttrain.init.source import init_source

INIT = ("init", "sft", "--data", "rows.jsonl", "--model", "model")


def rows_of(path: str) -> list[dict[str, Any]]:
    return [dict(row.values) for row in read_rows(path)]


def repeated(count: int) -> list[dict[str, str]]:
    """Rows of which two or three in a row share a prompt, with different answers."""
    return [
        {**row, "prompt": f"Report {n * 2 // 5}", "completion": f"{row['completion']} {n}"}
        for n, row in enumerate(replies(count))
    ]


def test_no_prompt_is_in_both_files_and_no_row_is_lost(work: Path, posttrain: Posttrain) -> None:
    rows = repeated(300)
    write(work, {"rows.jsonl": rows})
    answer = posttrain(*INIT, "--to", "out")
    assert answer.code == 0, answer.err
    train, test = rows_of("out/train.jsonl"), rows_of("out/test.jsonl")
    assert not {row["prompt"] for row in train} & {row["prompt"] for row in test}
    assert sorted(map(json.dumps, [*train, *test])) == sorted(map(json.dumps, rows))
    assert len(test) in range(28, 31)


@pytest.mark.parametrize(("count", "option", "expected"), [(60, (), 20), (7000, (), 500), (60, ("--test", "7"), 7)])
def test_a_tenth_is_held_out_within_bounds_unless_a_number_is_named(
    count: int, option: tuple[str, ...], expected: int, work: Path, posttrain: Posttrain
) -> None:
    write(work, {"rows.jsonl": replies(count)})
    assert posttrain(*INIT, "--to", "out", *option).code == 0
    assert len(rows_of("out/test.jsonl")) == expected
    assert len(rows_of("out/train.jsonl")) == count - expected


def test_the_test_depends_on_the_prompts_and_the_seed_and_not_on_the_order_of_rows(
    work: Path, posttrain: Posttrain
) -> None:
    rows = replies(80)
    chosen: list[set[str]] = []
    for name, seed in (("first", "0"), ("shuffled", "0"), ("other", "1")):
        write(work, {"rows.jsonl": rows})
        assert posttrain(*INIT, "--to", name, "--seed", seed).code == 0
        chosen.append({row["prompt"] for row in rows_of(f"{name}/test.jsonl")})
        random.Random(7).shuffle(rows)
    assert chosen[0] == chosen[1] != chosen[2]


def test_the_validation_of_the_recipe_still_finds_prompts_to_hold_out(work: Path, posttrain: Posttrain) -> None:
    write(work, {"rows.jsonl": replies(1000)})
    assert posttrain(*INIT, "--to", "out").code == 0
    examples = init_source("out/train.jsonl", "sft", {}).examples(Skips())
    parts = [part_of(example, seed=0, validation=0.05, tasks=0.0, phrasings=0.0) for example in examples]
    assert 0.02 < parts.count(VALIDATION) / len(parts) < 0.09


def test_columns_get_standard_names_and_other_columns_stay(work: Path, posttrain: Posttrain) -> None:
    lines = [f"{n},What of {n}?,It is fine {n}." for n in range(60)]
    Path("notes.csv").write_text("\ufeffnumber,Field note,Structured record\n" + "\n".join(lines) + "\n")
    answer = posttrain("init", "sft", "--data", "notes.csv", "--model", "model", "--to", "out")
    assert answer.code == 0, answer.err
    assert "prompt = Field note, completion = Structured record" in " ".join(answer.err.split())
    train = rows_of("out/train.jsonl")
    assert all(row["prompt"] == f"What of {row['number']}?" for row in train)
    assert all(row["completion"] == f"It is fine {row['number']}." for row in train)
    assert rows_of("out/test.jsonl")[0].keys() == {"prompt", "completion"}


def test_a_row_with_several_examples_is_divided_into_rows(work: Path, posttrain: Posttrain) -> None:
    tasks = [
        {
            "instruction": row["instruction"],
            "instances": [{"input": f"{n} {k}", "output": f"{row['output']} {k}"} for k in range(2)],
        }
        for n, row in enumerate(many_tasks(60))
    ]
    write(work, {"rows.jsonl": tasks, "pairs.jsonl": pairs(60)})
    assert posttrain(*INIT, "--to", "out").code == 0
    train, test = rows_of("out/train.jsonl"), rows_of("out/test.jsonl")
    assert len(train) + len(test) == 120
    expected = {
        f"{task['instruction']}\n\n{one['input']}": one["output"] for task in tasks for one in task["instances"]
    }
    assert {row["prompt"]: row["completion"] for row in (*train, *test)} == expected
    assert posttrain("init", "kto", "--data", "pairs.jsonl", "--model", "model", "--to", "kto").code == 0
    marked = rows_of("kto/train.jsonl")
    assert [row["label"] for row in marked] == [True, False] * (len(marked) // 2)
    assert len(marked) + 2 * len(rows_of("kto/test.jsonl")) == 120
