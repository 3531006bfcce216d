"""The store: groups come back as they were, in any order, from disk."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posttrain.core.group import Completion, Group
from posttrain.core.packing import WEIGHT
from posttrain.data.sets.store import GroupStore, StoreWriter


def group(prompt: list[int], *completions: list[tuple[int, bool]], where: str = "f:1", **columns: list[float]) -> Group:
    return Group(
        where,
        np.array(prompt, dtype=np.int32),
        tuple(
            Completion(np.array([t for t, _ in c], dtype=np.int32), np.array([b for _, b in c], dtype=np.bool_))
            for c in completions
        ),
        {name: np.array(values, dtype=np.float32) for name, values in columns.items()},
    )


def written(folder: Path, *groups: Group) -> GroupStore:
    writer = StoreWriter(folder)
    for one in groups:
        writer.add(one)
    writer.close()
    return GroupStore(folder)


def same(one: Group, other: Group) -> bool:
    return (
        one.where == other.where
        and one.prompt.tolist() == other.prompt.tolist()
        and [c.tokens.tolist() for c in one.completions] == [c.tokens.tolist() for c in other.completions]
        and [c.loss.tolist() for c in one.completions] == [c.loss.tolist() for c in other.completions]
        and {k: v.tolist() for k, v in one.columns.items()} == {k: v.tolist() for k, v in other.columns.items()}
    )


_TOKEN = st.integers(0, 2**31 - 1)
_COMPLETION = st.lists(st.tuples(_TOKEN, st.booleans()), min_size=1, max_size=6)
_NUMBER = st.floats(width=32, allow_nan=False)


@st.composite
def _groups(draw: st.DrawFn) -> list[Group]:
    names = draw(st.lists(st.sampled_from(["rank", "reward", "weight"]), unique=True))
    found: list[Group] = []
    for _ in range(draw(st.integers(0, 6))):
        completions = draw(st.lists(_COMPLETION, min_size=1, max_size=4))
        columns = {n: draw(st.lists(_NUMBER, min_size=len(completions), max_size=len(completions))) for n in names}
        prompt = draw(st.lists(_TOKEN, min_size=1, max_size=6))
        found.append(group(prompt, *completions, where=draw(st.text(max_size=8)), **columns))
    return found


@settings(max_examples=60)
@given(groups=_groups())
def test_groups_come_back_as_they_were_in_any_order(groups: list[Group]) -> None:
    with TemporaryDirectory() as folder:
        store = written(Path(folder) / "s", *groups)
        assert len(store) == len(groups)
        assert all(same(store[i], groups[i]) for i in reversed(range(len(groups))))
        assert store.sizes.tolist() == [g.size for g in groups]
        assert store.loss_tokens == sum(g.loss_tokens for g in groups)
        assert store.columns == frozenset(groups[0].columns if groups else ())


def test_a_token_column_gives_each_group_its_own_values(tmp_path: Path) -> None:
    one = group([1], [(2, True), (3, False)], [(4, True)], where="f:1")
    other = group([5], [(6, False)], [(7, True), (8, True)], where="f:2")
    written(tmp_path / "s", one, other)
    store = GroupStore(tmp_path / "s", {"ref_logp": np.array([-1, -2, -3, -4], dtype=np.float32)})
    assert store.columns == {"ref_logp"}
    assert [store[i].columns["ref_logp"].tolist() for i in (1, 0)] == [[-3, -4], [-1, -2]]


def test_a_store_without_groups_is_a_store(tmp_path: Path) -> None:
    store = written(tmp_path / "s")
    assert (len(store), store.loss_tokens, store.sizes.tolist(), store.columns) == (0, 0, [], frozenset())


def test_the_data_stay_on_disk(tmp_path: Path) -> None:
    """A store has a few numbers per group in memory, however long the groups are."""
    store = written(tmp_path / "s", group([1] * 1000, [(2, True)] * 1000, rank=[1.0]))
    mapped = {name: value for name, value in store._arrays.items() if name in {"tokens", "loss", "segments"}}
    assert all(isinstance(array, np.memmap) for array in (*mapped.values(), *store._columns.values()))
    assert all(array.mode == "r" for array in mapped.values())


def test_changing_a_group_does_not_change_the_store(tmp_path: Path) -> None:
    store = written(tmp_path / "s", group([1, 2], [(3, True)], rank=[1.0]))
    taken = store[0]
    taken.prompt[0] = 9
    taken.completions[0].loss[0] = False
    taken.columns["rank"][0] = 9
    assert same(store[0], group([1, 2], [(3, True)], rank=[1.0]))


def test_groups_of_other_columns_or_lengths_are_refused_by_name(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "s")
    writer.add(group([1], [(2, True)], rank=[1.0]))
    with pytest.raises(ValueError, match=r"f:7: .*columns"):
        writer.add(group([1], [(2, True)], where="f:7"))
    with pytest.raises(ValueError, match="f:8: column rank"):
        writer.add(group([1], [(2, True)], where="f:8", rank=[1.0, 2.0]))
    writer.add(group([5], [(6, True)], rank=[3.0]))
    writer.close()
    assert [GroupStore(tmp_path / "s")[i].columns["rank"].tolist() for i in (0, 1)] == [[1.0], [3.0]]


def test_a_folder_is_not_overwritten(tmp_path: Path) -> None:
    written(tmp_path / "s", group([1], [(2, True)]))
    with pytest.raises(FileExistsError):
        StoreWriter(tmp_path / "s")


def test_a_store_that_was_not_closed_does_not_open(tmp_path: Path) -> None:
    StoreWriter(tmp_path / "s").add(group([1], [(2, True)]))
    with pytest.raises(FileNotFoundError):
        GroupStore(tmp_path / "s")


def test_the_writer_counts_what_it_wrote(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "s")
    writer.add(group([1, 2], [(3, True), (4, False)]))
    writer.add(group([1], [(3, True)], [(4, True)]))
    writer.close()
    assert (writer.count, writer.tokens, writer.loss_tokens) == (2, 7, 3)
    assert json.loads((tmp_path / "s" / "store.json").read_text()) == {"groups": 2, "columns": []}


def test_weights_of_some_groups_come_back_and_the_tokens_of_all_others_weigh_one(tmp_path: Path) -> None:
    plain = group([1], [(2, True), (3, False), (4, True)])
    heavy = group([1], [(2, True), (3, True)], **{WEIGHT: [0.5, 2.0]})
    store = written(tmp_path / "some", plain, heavy, plain)
    assert [g.columns[WEIGHT].tolist() for g in store] == [[1.0, 1.0], [0.5, 2.0], [1.0, 1.0]]
    assert WEIGHT in store.columns
    assert WEIGHT not in written(tmp_path / "none", plain, plain).columns
