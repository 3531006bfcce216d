"""The division of a file into training and test: by prompt, whatever the order of the rows."""

import json
import math
import random
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pyarrow import Table, parquet

from advising import many_tasks, pairs, replies, write
from command_line import Posttrain
from posttrain.data.files.read import read_rows
from posttrain.data.formats.examples import read_examples
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


def turns(*contents: str) -> dict[str, Any]:
    """A conversation that begins with the user."""
    return {"messages": [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(contents)]}


def test_no_answer_of_the_test_is_in_a_conversation_to_train_on(work: Path, posttrain: Posttrain) -> None:
    rows: list[dict[str, Any]] = []
    for n, row in enumerate(replies(100)):
        answer = f"The answer is number {n}."
        later = turns(row["prompt"], answer, "Why?")["messages"]
        rows += [{"prompt": later[:1], "completion": answer}, {"prompt": later, "completion": f"For reason {n}."}]
    write(work, {"rows.jsonl": rows})
    assert posttrain(*INIT, "--to", "out").code == 0
    train, test = Path("out/train.jsonl").read_text(), rows_of("out/test.jsonl")
    assert len(test) == 20
    assert not [row["completion"] for row in test if row["completion"] in train]


def test_prompts_that_differ_in_case_blanks_or_forms_of_characters_stay_together(
    work: Path, posttrain: Posttrain
) -> None:
    forms = ("What is {}?", "what is {}? ", "What  is\n{}?", "WHAT IS {}?", "What is {}\uff1f")
    rows = [{"prompt": form.format(n), "completion": f"It is fine {n}."} for n in range(40) for form in forms]
    write(work, {"rows.jsonl": rows})
    assert posttrain(*INIT, "--to", "out").code == 0
    numbers = [{re.sub(r"\D", "", row["prompt"]) for row in rows_of(f"out/{name}.jsonl")} for name in ("train", "test")]
    assert [len(part) for part in numbers] == [36, 4]
    assert not numbers[0] & numbers[1]


def test_calls_of_tools_are_trained_on_and_not_tested(work: Path, posttrain: Posttrain) -> None:
    call = {"type": "function", "function": {"name": "look_up", "arguments": {"report": "1"}}}
    calling = [
        {
            "messages": [
                {"role": "user", "content": f"Look up report {n}."},
                {"role": "assistant", "content": "", "tool_calls": [call]},
                {"role": "tool", "content": f"broken {n}"},
                {"role": "assistant", "content": f"Report {n} is broken."},
            ]
        }
        for n in range(60)
    ]
    write(work, {"rows.jsonl": [*calling, *(turns(row["prompt"], row["completion"]) for row in replies(60))]})
    assert posttrain(*INIT, "--to", "out", "--test", "30").code == 0
    assert len(test := rows_of("out/test.jsonl")) == 30
    assert all(row["prompt"].startswith("Report: the ") for row in test)
    train = rows_of("out/train.jsonl")
    assert len(train) == 90
    assert all(row in train for row in calling)
    write(work, {"rows.jsonl": calling})
    refused = posttrain(*INIT, "--to", "none")
    assert refused.code == 2
    assert "without calls of tools" in refused.err


def test_training_reads_the_columns_that_the_user_named(work: Path, posttrain: Posttrain) -> None:
    rows = [
        {**turns("An old question", "An old answer"), "left": row["prompt"], "right": row["completion"], "place": n}
        for n, row in enumerate(replies(60))
    ]
    write(work, {"rows.jsonl": rows})
    answer = posttrain(*INIT, "--columns", "prompt=left,completion=right", "--to", "out")
    assert answer.code == 0, answer.err
    examples = list(read_examples(read_rows("out/train.jsonl"), "sft"))
    assert len(examples) == 40
    for example in examples:
        row = rows[example.row["place"]]
        assert example.prompt[0]["content"] == row["left"]
        assert example.completions[0][0]["content"] == row["right"]


def test_dates_and_missing_numbers_of_parquet_become_json(work: Path, posttrain: Posttrain) -> None:
    rows = [
        {
            **row,
            "made": datetime(2024, 5, 1, 12, 30, tzinfo=UTC),
            "day": date(2024, 5, 1),
            "size": math.nan if n % 2 else 1.5,
            "sizes": [{"wide": math.nan}, {"wide": 2.0}],
        }
        for n, row in enumerate(replies(60))
    ]
    parquet.write_table(Table.from_pylist(rows), "rows.parquet")
    init = ("init", "sft", "--model", "model", "--data", "rows.parquet", "--to")
    answer = posttrain(*init, "out")
    assert answer.code == 0, answer.err
    train = rows_of("out/train.jsonl")
    assert {row["made"] for row in train} == {"2024-05-01T12:30:00+00:00"}
    assert {row["day"] for row in train} == {"2024-05-01"}
    assert {row["size"] for row in train} == {None, 1.5}
    assert train[0]["sizes"] == [{"wide": None}, {"wide": 2.0}]
    for value in (b"picture", math.inf):
        values = [{**row, "photo": value} if n == 50 else {**row, "photo": None} for n, row in enumerate(replies(60))]
        parquet.write_table(Table.from_pylist(values), "rows.parquet")
        refused = posttrain(*init, "none")
        assert (refused.code, refused.out) == (2, "")
        assert "rows.parquet:row 51: the column `photo` holds" in refused.err
        assert not Path("none").exists()


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
