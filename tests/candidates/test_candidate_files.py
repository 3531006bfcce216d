"""Candidates from files, and the rows of training data that scores make of them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from posttrain.candidates.pick_options import PickOptions
from posttrain.candidates.picked_rows import Picked, ScoredGroup, picked_rows
from posttrain.candidates.read import CandidateGroup, read_candidate_groups
from posttrain.data.files.read import read_rows
from posttrain.data.formats.conventions import Kind
from posttrain.data.formats.examples import read_examples
from posttrain.data.options import DataSource
from posttrain.errors import InputError
from posttrain.rewards.types import Score


def write(path: Path, rows: Sequence[dict[str, Any]]) -> DataSource:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return DataSource(path=path.name)


def candidates(*texts: str, model: str = "m") -> list[dict[str, Any]]:
    return [{"id": f"c{n}", "text": t, "model": model, "params_hash": f"h-{model}"} for n, t in enumerate(texts, 1)]


def groups_of(folder: Path, *rows: dict[str, Any]) -> list[CandidateGroup]:
    return read_candidate_groups([write(folder / "candidates.jsonl", rows)], folder).groups


def test_candidates_of_one_prompt_in_several_files_are_compared_together(tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", [{"id": 7, "prompt": "p", "answer": 3, "candidates": candidates("x", "y")}])
    second = write(tmp_path / "b.jsonl", [{"prompt": "p", "candidates": candidates("y", "z", model="n")}])
    data = read_candidate_groups([first, second], tmp_path)
    (group,) = data.groups
    assert [(c.id, c.text, c.model) for c in group.candidates] == [("c1", "x", "m"), ("c2", "y", "m"), ("c3", "z", "n")]
    assert group.row == {"id": 7, "prompt": "p", "answer": 3}
    assert sorted(data.noted.values()) == [1, 1]


def test_a_reward_reads_the_prompt_with_its_system_message(tmp_path: Path) -> None:
    (group,) = groups_of(tmp_path, {"prompt": "p", "system": "s", "answer": 3, "candidates": candidates("x", "y")})
    assert [message["role"] for message in group.example.prompt] == ["system", "user"]
    assert (group.row["prompt"], group.row["answer"]) == ("p", 3)


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "no candidates": ({"prompt": "p", "answer": 1}, "no column `candidates`"),
    "candidates that are no list": ({"prompt": "p", "candidates": "x"}, "must be a list"),
    "an empty list": ({"prompt": "p", "candidates": []}, "must be a list"),
    "a candidate without an id": ({"prompt": "p", "candidates": [{"text": "x"}]}, "candidates[0]"),
    "an id twice": ({"prompt": "p", "candidates": [*candidates("x"), *candidates("y")]}, "occurs twice"),
    "several messages": ({"prompt": "p", "candidates": [{"id": 1, "text": "x", "turns": []}]}, "several messages"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_row_is_named(case: str, tmp_path: Path) -> None:
    row, words = BROKEN[case]
    with pytest.raises(InputError, match=r"candidates\.jsonl:1") as error:
        groups_of(tmp_path, row)
    assert words in str(error.value)


def rows_for(folder: Path, options: PickOptions, totals: tuple[Score, ...], **columns: Any) -> list[dict[str, Any]]:
    texts = [f"text {n}" for n in range(len(totals))]
    (group,) = groups_of(folder, {"id": "q", "prompt": "p", **columns, "candidates": candidates(*texts)})
    picked = picked_rows(ScoredGroup(group, totals, {"right": totals, "short": (None,) * len(totals)}), options)
    assert isinstance(picked, Picked)
    return picked.rows


def read_as(kind: Kind, folder: Path, rows: Sequence[dict[str, Any]]) -> list[list[str]]:
    write(folder / "picked.jsonl", rows)
    examples = read_examples(read_rows("picked.jsonl", base=folder), kind)
    return [[turns[-1]["content"] for turns in example.completions] for example in examples]


def test_a_best_row_trains_sft_and_keeps_its_scores_and_its_writer(tmp_path: Path) -> None:
    (row,) = rows_for(tmp_path, PickOptions(), (0.0, 1.0, None), task="sums", answer="4")
    assert row == {
        "prompt": "p",
        "task": "sums",
        "completion": "text 1",
        "meta_item": "q",
        "meta_candidates": 3,
        "meta_scored": 2,
        "meta_candidate": "c2",
        "meta_score": 1.0,
        "meta_scores": {"right": 1.0, "short": None},
        "meta_model": "m",
        "meta_params_hash": "h-m",
    }
    assert read_as("sft", tmp_path, [row]) == [["text 1"]]


def test_a_pair_trains_dpo_and_keeps_the_scores_of_both_sides(tmp_path: Path) -> None:
    (row,) = rows_for(tmp_path, PickOptions(keep="pairs"), (0.0, 1.0, 0.5), system="Be brief")
    assert row["meta_score"] == {"chosen": 1.0, "rejected": 0.0}
    assert row["meta_candidate"] == {"chosen": "c2", "rejected": "c1"}
    assert row["meta_params_hash"] == {"chosen": "h-m", "rejected": "h-m"}
    assert row["prompt"][0] == {"role": "system", "content": "Be brief"}
    assert read_as("preference", tmp_path, [row]) == [["text 1", "text 0"]]


def test_a_ranking_has_ranks_by_score(tmp_path: Path) -> None:
    (row,) = rows_for(tmp_path, PickOptions(keep="rankings"), (0.0, 1.0, None, 0.5, 0.5))
    assert row["ranks"] == {"c2": 1, "c4": 2, "c1": 3}
    assert [candidate["score"] for candidate in row["candidates"]] == [1.0, 0.5, 0.0]
    assert read_as("preference", tmp_path, [row]) == [["text 1", "text 3", "text 0"]]


def test_candidates_of_equal_score_that_are_left_out_are_counted(tmp_path: Path) -> None:
    (group,) = groups_of(tmp_path, {"prompt": "p", "candidates": candidates(*"abcdef")})
    totals = (1.0, 1.0, 0.5, 0.0, 0.0, 0.0)
    ties = {
        keep: picked.ties
        for keep in ("best", "pairs", "rankings")
        if isinstance(picked := picked_rows(ScoredGroup(group, totals, {}), PickOptions(keep=keep)), Picked)
    }
    assert ties == {"best": 1, "pairs": 3, "rankings": 3}
