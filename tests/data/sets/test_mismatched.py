"""Each group gets a completion of another prompt: chosen by the seed, lent evenly, and cut to fit the model."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from posttrain.core.group import Completion, Group
from posttrain.data.sets.mismatched import mismatched_stores
from posttrain.data.sets.store import GroupStore, StoreWriter


def store_of(folder: Path, prompts: list[int], *, length: int = 4) -> GroupStore:
    """A store with one group for each prompt; its completion repeats the group's number."""
    writer = StoreWriter(folder)
    for number, prompt in enumerate(prompts):
        tokens = np.full(length, 100 + number, np.int32)
        completion = Completion(tokens, np.ones(length, np.bool_))
        columns = {"label": np.array([number % 2], np.float32)}
        writer.add(Group(f"rows.jsonl:{number + 1}", np.array([1, prompt], np.int32), (completion,), columns))
    writer.close()
    return GroupStore(folder)


def other_of(group: Group) -> int:
    return int(group.completions[1].tokens[0])


def test_each_completion_is_lent_once_and_to_another_prompt(tmp_path: Path) -> None:
    store = store_of(tmp_path / "rows", list(range(40)))
    made = mismatched_stores({"train": store}, store, tmp_path / "out", seed=0, max_length=100)["train"]
    lent: Counter[int] = Counter()
    for index in range(40):
        group = made[index]
        assert np.array_equal(group.completions[0].tokens, store[index].completions[0].tokens)
        assert group.columns["mismatched"].tolist() == [0, 1]
        assert group.columns["label"].tolist() == [index % 2] * 2
        assert other_of(group) != 100 + index
        lent[other_of(group)] += 1
    assert max(lent.values()) <= 2
    assert len(lent) >= 38


def test_the_seed_decides_and_a_damaged_folder_is_made_again(tmp_path: Path) -> None:
    store = store_of(tmp_path / "rows", list(range(20)))

    def others(name: str, seed: int) -> list[int]:
        made = mismatched_stores({"train": store}, store, tmp_path / name, seed=seed, max_length=100)["train"]
        return [other_of(made[index]) for index in range(20)]

    first = others("a", 0)
    assert others("b", 0) == first
    assert others("c", 1) != first
    (tmp_path / "a" / "train" / "tokens.bin").write_bytes(b"damaged")
    assert others("a", 0) == first


def test_rows_with_the_same_prompt_lend_nothing_to_each_other(tmp_path: Path) -> None:
    store = store_of(tmp_path / "rows", [7] * 10 + [8] * 10)
    made = mismatched_stores({"train": store}, store, tmp_path / "out", seed=0, max_length=100)["train"]
    assert all((other_of(made[index]) < 110) == (index >= 10) for index in range(20))


@pytest.mark.parametrize(("max_length", "kept"), [(100, 9), (5, 3)])
def test_a_completion_that_does_not_fit_loses_its_last_tokens(tmp_path: Path, max_length: int, kept: int) -> None:
    store = store_of(tmp_path / "rows", [1, 2], length=3)
    donors = store_of(tmp_path / "donors", [5, 6], length=9)
    made = mismatched_stores({"part": store}, donors, tmp_path / "out", seed=0, max_length=max_length)["part"]
    assert [len(made[index].completions[1].tokens) for index in range(2)] == [kept, kept]


def test_the_own_completion_serves_where_all_prompts_are_the_same(tmp_path: Path) -> None:
    store = store_of(tmp_path / "rows", [7, 7, 7])
    made = mismatched_stores({"train": store}, store, tmp_path / "out", seed=0, max_length=100)["train"]
    assert [other_of(made[index]) for index in range(3)] == [100, 101, 102]
