"""The step's number alone determines its groups."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from posttrain.core.group import Completion, Group
from posttrain.train.batches import DatasetBatches, shuffled


def group(number: int, size: int) -> Group:
    tokens = np.full(size - 1, number, np.int32)
    return Group(str(number), np.array([0], np.int32), (Completion(tokens, np.ones(size - 1, bool)),))


def source(sizes: list[int], **cut: int) -> DatasetBatches:
    groups = [group(i, size) for i, size in enumerate(sizes)]
    return DatasetBatches(groups, sizes, shuffled(len(sizes), 3), **cut)


SIZES = st.lists(st.integers(2, 50), min_size=1, max_size=30)


@given(SIZES, st.integers(1, 8))
def test_every_epoch_sees_every_group_once(sizes: list[int], batch: int) -> None:
    batches = source(sizes, batch_size=batch)
    steps = batches.total(1)
    assert steps == -(-len(sizes) // batch)
    for epoch in range(2):
        seen = [g.where for n in range(steps) for g in batches.step(epoch * steps + n)]
        assert sorted(seen, key=int) == [str(i) for i in range(len(sizes))]


@given(SIZES, st.integers(1, 120))
def test_batches_by_tokens_keep_to_the_budget(sizes: list[int], budget: int) -> None:
    batches = source(sizes, batch_tokens=budget)
    steps = [batches.step(n) for n in range(batches.total(1))]
    assert all(step for step in steps)
    assert all(sum(g.size for g in step) <= budget or len(step) == 1 for step in steps)
    assert sum(len(step) for step in steps) == len(sizes)


def test_epochs_differ_and_a_fraction_counts_steps() -> None:
    batches = source([4] * 20, batch_size=4)
    assert batches.total(1.5) == 8
    assert batches.total(0.1) == 1
    first, second = ([g.where for n in range(5) for g in batches.step(e * 5 + n)] for e in (0, 1))
    assert first != second
