"""A stage's data are read, split, encoded and counted, and written atomically."""

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from conversations import PLAIN, renderer
from posttrain.data.example import Example
from posttrain.data.formats.conventions import Kind
from posttrain.data.options import DataOptions
from posttrain.data.row_notes import RowNote
from posttrain.data.sets.prepare import NOTE_ROWS, Prepared, prepare
from posttrain.data.sets.split import Held, part_of
from posttrain.data.skipped import SkippedRows, SkipReason
from posttrain.data.summary import TaskSize
from posttrain.errors import InputError

PartOf = Callable[[Example], str]


def rows(path: Path, *values: dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text("".join(json.dumps(value) + "\n" for value in values))


def questions(first: int, count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"prompt": f"What is {n}?", "completion": f"A number, {n}.", **more} for n in range(first, first + count)]


def splitting(validation: float = 0.0, tasks: Held = (), phrasings: Held = ()) -> PartOf:
    return partial(part_of, seed=0, validation=validation, tasks=tasks, phrasings=phrasings)


@pytest.fixture
def ready(stories: Any, tmp_path: Path) -> Callable[..., Prepared]:
    """`prepare` in `tmp_path` with the options given, into `tmp_path/out`."""

    def run(
        by: PartOf | None = None,
        kind: Kind = "sft",
        max_length: int = 500,
        on_rows: Callable[[int], None] = lambda n: None,
        **options: Any,
    ) -> Prepared:
        how = renderer(stories, PLAIN, max_length=max_length)
        data = DataOptions.model_validate(options)
        share = data.validation if isinstance(data.validation, float) else 0.0
        by = by or splitting(share)
        return prepare(data, how, tmp_path / "out", kind=kind, part_of=by, base=tmp_path, on_rows=on_rows)

    return run


def prompts(prepared: Prepared, part: str, tokenizer: Any) -> list[str]:
    store = prepared.train if part == "train" else prepared.held_out[part]
    return [tokenizer.decode(store[i].prompt.tolist()) for i in range(len(store))]


Ready = Callable[..., Prepared]


# Parts


def test_a_share_of_prompts_is_held_out_and_no_prompt_falls_into_two_parts(
    ready: Ready, stories: Any, tmp_path: Path
) -> None:
    rows(tmp_path / "a.jsonl", *questions(0, 60))
    rows(tmp_path / "b.jsonl", *[{**row, "completion": "Again."} for row in reversed(questions(30, 60))])
    prepared = ready(data=["a.jsonl", "b.jsonl"], validation=0.3)
    train, held = (prompts(prepared, part, stories) for part in ("train", "validation"))
    assert len(train) + len(held) == 120
    assert not set(train) & set(held)
    assert len(set(train) | set(held)) == 90
    assert 10 < len(set(held)) < 45


def test_rows_of_validation_sources_are_validation_and_their_prompts_are_not_trained_on(
    ready: Ready, stories: Any, tmp_path: Path
) -> None:
    rows(tmp_path / "train.jsonl", *questions(0, 20))
    rows(tmp_path / "valid.jsonl", *[{**row, "completion": "Another answer."} for row in questions(15, 10)])
    prepared = ready(data="train.jsonl", validation="valid.jsonl")
    train, held = (prompts(prepared, part, stories) for part in ("train", "validation"))
    assert [len(train), len(held)] == [15, 10]
    assert not set(train) & set(held)
    skipped = prepared.summary.skipped[SkipReason.PROMPT_HELD_OUT]
    assert skipped == SkippedRows(5, tuple(f"train.jsonl:{n}" for n in (16, 17, 18)))
    assert list(prepared.summary.parts) == ["train", "validation"]


def test_whole_tasks_and_phrasings_are_held_out(ready: Ready, tmp_path: Path) -> None:
    rows(
        tmp_path / "a.jsonl",
        *questions(0, 6, task="facts", phrasing="ask"),
        *questions(10, 4, task="poems", phrasing="ask"),
        *questions(20, 3, task="facts", phrasing="shout"),
    )
    prepared = ready(splitting(tasks=("poems",), phrasings=("shout",)), data="a.jsonl")
    assert {part: len(store) for part, store in prepared.held_out.items()} == {"unseen_tasks": 4, "unseen_phrasings": 3}
    assert len(prepared.train) == 6
    assert prepared.summary.tasks == (TaskSize("facts", 6, 1.0),)


# Tasks


def test_a_source_is_a_task_unless_its_rows_or_the_recipe_say_otherwise(ready: Ready, tmp_path: Path) -> None:
    rows(tmp_path / "a.jsonl", *questions(0, 3))
    rows(tmp_path / "b.jsonl", *questions(10, 2))
    rows(tmp_path / "c.jsonl", *questions(20, 2, task="poems"), *questions(30, 1))
    prepared = ready(data=["a.jsonl", {"path": "b.jsonl", "task": "facts", "weight": 3}, "c.jsonl"])
    assert prepared.summary.tasks == (
        TaskSize("a.jsonl", 3, 1.0),
        TaskSize("facts", 2, 3.0),
        TaskSize("poems", 2, 1.0),
        TaskSize("c.jsonl", 1, 1.0),
    )
    assert prepared.task_of == [0, 0, 0, 1, 1, 2, 2, 3]


def test_files_of_one_name_in_two_folders_are_two_tasks(ready: Ready, tmp_path: Path) -> None:
    rows(tmp_path / "poems" / "train.jsonl", *questions(0, 3))
    rows(tmp_path / "facts" / "train.jsonl", *questions(10, 2))
    prepared = ready(data=["poems/train.jsonl", {"path": "facts/train.jsonl", "weight": 2}])
    assert [task.name for task in prepared.summary.tasks] == ["poems/train.jsonl", "facts/train.jsonl"]
    assert prepared.task_of == [0, 0, 0, 1, 1]


def test_a_task_that_is_a_file_is_held_out_by_its_name(ready: Ready, tmp_path: Path) -> None:
    rows(tmp_path / "a.jsonl", *questions(0, 3))
    rows(tmp_path / "b.jsonl", *questions(10, 2))
    prepared = ready(splitting(tasks=("b.jsonl",)), data=["a.jsonl", "b.jsonl"])
    assert [len(prepared.train), len(prepared.held_out["unseen_tasks"])] == [3, 2]


def test_a_task_with_two_weights_is_refused(ready: Ready, tmp_path: Path) -> None:
    rows(tmp_path / "a.jsonl", *questions(0, 3, task="facts"))
    rows(tmp_path / "b.jsonl", *questions(10, 2, task="facts"))
    with pytest.raises(InputError, match=r"^data: task facts has weight 1 in one source and 2.5 in b.jsonl; give it"):
        ready(data=["a.jsonl", {"path": "b.jsonl", "weight": 2.5}])
    assert ready(data=["a.jsonl", "b.jsonl"]).task_of == [0] * 5


# Counts


def test_kept_and_skipped_rows_are_counted(ready: Ready, tmp_path: Path) -> None:
    rows(
        tmp_path / "a.jsonl",
        *questions(0, 5),
        {"prompt": "What?", "completion": " "},
        {"prompt": "What?", "completion": "word " * 200},
        {"prompt": "What?", "completion": "word " * 300},
        *questions(10, 5),
    )
    prepared = ready(data="a.jsonl", max_length=300)
    groups = [prepared.train[i] for i in range(10)]
    assert json.loads((tmp_path / "out" / "data.json").read_text()) == {
        "parts": {
            "train": {
                "groups": 10,
                "tokens": sum(group.size for group in groups),
                "loss_tokens": sum(group.loss_tokens for group in groups),
            }
        },
        "tasks": [{"name": "a.jsonl", "groups": 10, "weight": 1.0}],
        "skipped": {
            "empty completion": {"rows": 1, "first": ["a.jsonl:6"]},
            "longer than max_length": {"rows": 2, "first": ["a.jsonl:7", "a.jsonl:8"]},
        },
        "unread": {},
        "noted": {},
        "max_length": 300,
    }
    assert [group.where for group in groups] == [f"a.jsonl:{n}" for n in (1, 2, 3, 4, 5, 9, 10, 11, 12, 13)]


def test_cut_rows_are_noted(stories: Any, tmp_path: Path) -> None:
    rows(tmp_path / "a.jsonl", *questions(0, 5))
    how = renderer(stories, PLAIN, max_length=32, truncation="right")
    prepared = prepare(
        DataOptions.model_validate({"data": "a.jsonl"}),
        how,
        tmp_path / "out",
        kind="sft",
        part_of=splitting(),
        base=tmp_path,
    )
    assert prepared.summary.noted == {RowNote.CUT_RIGHT: 5}


def test_only_the_first_rows_are_read_where_the_recipe_says_so(ready: Ready, tmp_path: Path) -> None:
    rows(tmp_path / "a.jsonl", *questions(0, 5), {"no": "such columns"})
    assert len(ready(data={"path": "a.jsonl", "rows": 4}).train) == 4


def test_columns_are_renamed_source_by_source(ready: Ready, tmp_path: Path) -> None:
    rows(tmp_path / "a.jsonl", *questions(0, 2))
    rows(tmp_path / "b.jsonl", {"q": "What is 9?", "completion": "A number."})
    assert len(ready(data=["a.jsonl", {"path": "b.jsonl", "columns": {"prompt": "q"}}]).train) == 3


def test_progress_is_reported_every_so_many_rows(ready: Ready, tmp_path: Path) -> None:
    rows(tmp_path / "a.jsonl", *questions(0, 2 * NOTE_ROWS + 1))
    counts: list[int] = []
    ready(data="a.jsonl", on_rows=counts.append)
    assert counts == [NOTE_ROWS, 2 * NOTE_ROWS]


def test_pairs_and_rankings_of_any_length_are_in_one_store(ready: Ready, tmp_path: Path) -> None:
    rows(tmp_path / "pairs.jsonl", {"prompt": "Best?", "chosen": "Gold.", "rejected": "Iron."})
    candidates = [{"id": name, "text": f"It is {name}."} for name in "abcd"]
    ranks = {"a": 2, "b": 1, "c": 2, "d": 4}
    rows(tmp_path / "ranks.jsonl", {"prompt": "Which?", "candidates": candidates, "ranks": ranks})
    store = ready(data=["pairs.jsonl", "ranks.jsonl"], kind="preference").train
    assert [len(store[i].completions) for i in (0, 1)] == [2, 4]
    assert [store[i].columns["rank"].tolist() for i in (0, 1)] == [[1, 2], [2, 1, 2, 4]]


# Nothing left


def test_nothing_to_train_on_names_the_reasons(ready: Ready, tmp_path: Path) -> None:
    rows(tmp_path / "a.jsonl", *questions(0, 4), {"prompt": "What?", "completion": ""})
    with pytest.raises(InputError) as caught:
        ready(data="a.jsonl", max_length=20)
    assert str(caught.value) == (
        "data: no row is left to train on. 4 rows skipped, longer than max_length: a.jsonl:1, a.jsonl:2, a.jsonl:3, "
        "...; 1 row skipped, empty completion: a.jsonl:5"
    )
    assert not (tmp_path / "out").exists()


def test_nothing_to_train_on_because_all_is_held_out_says_so(ready: Ready, tmp_path: Path) -> None:
    rows(tmp_path / "a.jsonl", *questions(0, 4))
    with pytest.raises(InputError, match=r"^data: no row is left to train on. All are held out"):
        ready(splitting(tasks=("a.jsonl",)), data="a.jsonl")
    with pytest.raises(
        InputError, match=r"^data: no row is left to train on. 4 rows skipped, its prompt is in the val"
    ):
        ready(data="a.jsonl", validation="a.jsonl")


def test_validation_sources_without_a_row_are_refused(ready: Ready, tmp_path: Path) -> None:
    rows(tmp_path / "a.jsonl", *questions(0, 4))
    rows(tmp_path / "b.jsonl", {"prompt": "What?", "completion": "word " * 300})
    with pytest.raises(InputError, match=r"^validation: no row is left to evaluate on. 1 row skipped, longer than"):
        ready(data="a.jsonl", validation="b.jsonl")


# Whole or not at all


def test_a_bad_row_is_named_and_leaves_nothing_behind(ready: Ready, tmp_path: Path) -> None:
    rows(tmp_path / "a.jsonl", *questions(0, 4), {"prompt": 7, "completion": "x"})
    with pytest.raises(InputError, match=r"^a.jsonl:5: prompt must be a string"):
        ready(data="a.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_an_interrupted_preparation_leaves_nothing_behind(ready: Ready, tmp_path: Path) -> None:
    rows(tmp_path / "a.jsonl", *questions(0, 300))

    def interrupt(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ready(data="a.jsonl", on_rows=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_what_a_killed_preparation_left_is_not_taken_for_good(ready: Ready, tmp_path: Path) -> None:
    rows(tmp_path / "a.jsonl", *questions(0, 300))
    child = os.fork()
    if child == 0:
        try:
            ready(data="a.jsonl", on_rows=lambda count: os._exit(7))
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert any(path != tmp_path / "a.jsonl" for path in tmp_path.iterdir()), "the killed one left nothing to mistake"
    assert not (tmp_path / "out").exists()
    assert len(ready(data="a.jsonl").train) == 300
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "out"]


def test_prepared_data_are_opened_and_not_read_again(ready: Ready, tmp_path: Path) -> None:
    rows(tmp_path / "a.jsonl", *questions(0, 40))
    first = ready(data="a.jsonl", validation=0.2)
    (tmp_path / "a.jsonl").unlink()
    again = ready(data="a.jsonl", validation=0.2)
    assert again.summary == first.summary
    assert [len(again.train), len(again.held_out["validation"])] == [
        len(first.train),
        len(first.held_out["validation"]),
    ]
    assert again.task_of == first.task_of
