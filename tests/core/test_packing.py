"""Packing keeps every token of every group, and gives the place and the predictor of each loss token."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posttrain.core.group import Group
from posttrain.core.packing import collate, pack, pack_for_ranks, row_size
from structures import groups, random_group, texts_of

sizes = st.lists(st.integers(1, 60), max_size=40)
budgets = st.integers(1, 80)


@given(sizes, budgets)
def test_every_group_is_in_exactly_one_row(sizes: list[int], budget: int) -> None:
    assert sorted(i for row in pack(sizes, budget) for i in row) == list(range(len(sizes)))


@given(sizes, budgets)
def test_a_row_keeps_its_budget_unless_one_group_alone_is_larger(sizes: list[int], budget: int) -> None:
    for row in pack(sizes, budget):
        assert sum(sizes[i] for i in row) <= budget or len(row) == 1


@given(sizes, budgets)
def test_at_most_one_row_is_less_than_half_full(sizes: list[int], budget: int) -> None:
    """Best fit never opens a row for a group that fits into another one."""
    assert sum(2 * sum(sizes[i] for i in row) <= budget for row in pack(sizes, budget)) <= 1


@given(sizes, budgets)
def test_packing_is_deterministic_and_keeps_the_order_within_a_row(sizes: list[int], budget: int) -> None:
    rows = pack(sizes, budget)
    assert rows == pack(list(sizes), budget)
    assert all(row == sorted(row) for row in rows)


@given(sizes, budgets, st.integers(2, 5))
def test_the_rows_of_several_ranks_hold_every_group_once_within_the_budget(
    sizes: list[int], budget: int, ranks: int
) -> None:
    rows = pack_for_ranks(sizes, budget, ranks)
    assert sorted(i for row in rows for i in row) == list(range(len(sizes)))
    assert all(len(row) == 1 or 0 < sum(sizes[i] for i in row) <= budget for row in rows)


@given(sizes.filter(bool), budgets, st.integers(1, 5))
def test_ranks_differ_by_at_most_one_group_of_work(sizes: list[int], budget: int, ranks: int) -> None:
    """So no rank waits while another one has two groups left."""
    rows = pack_for_ranks(sizes, budget, ranks)
    if ranks == 1:
        assert rows == pack(sizes, budget)
    work = [sum(sizes[i] for row in rows[rank::ranks] for i in row) for rank in range(ranks)]
    assert max(work) - min(work) <= max(sizes)


@given(groups())
def test_a_row_holds_each_prompt_once_and_every_completion(packed: list[Group]) -> None:
    batch = collate(packed)
    assert len(batch.tokens_T) == sum(group.size for group in packed)
    texts = texts_of(packed)
    assert len(batch.branches) == len(batch.group_C) == len(texts)
    for branch, text in zip(batch.branches, texts, strict=True):
        places = [*range(*branch.prompt), *range(*branch.own)]
        assert batch.tokens_T[places].tolist() == text.tolist()
        assert batch.position_T[places].tolist() == list(range(len(text))), "positions are those of the text alone"


@given(groups())
def test_each_loss_token_is_predicted_by_the_token_before_it_in_its_own_text(packed: list[Group]) -> None:
    batch = collate(packed)
    expected: list[tuple[int, int, int]] = []
    completions = [(g, c) for g in packed for c in g.completions]
    for number, ((group, completion), branch) in enumerate(zip(completions, batch.branches, strict=True)):
        places = [*range(*branch.prompt), *range(*branch.own)]
        for i in np.flatnonzero(completion.loss):
            at = len(group.prompt) + int(i)
            expected.append((places[at - 1], int(completion.tokens[i]), number))
    predictions = zip(batch.predictor_N.tolist(), batch.target_N.tolist(), batch.completion_N.tolist(), strict=True)
    assert list(predictions) == expected


@given(groups())
def test_columns_names_and_counts_follow_the_order_of_the_groups(packed: list[Group]) -> None:
    batch = collate(packed)
    assert batch.names == tuple(group.where for group in packed)
    assert batch.group_C.tolist() == [i for i, group in enumerate(packed) for _ in group.completions]
    for name in ("rank", "ref_logp"):
        column = batch.columns[name]
        assert column.dtype == torch.float32
        assert column.tolist() == [float(x) for group in packed for x in group.columns[name]]
    assert batch.counts == {
        "token": sum(group.loss_tokens for group in packed),
        "completion": sum(len(group.completions) for group in packed),
        "group": len(packed),
    }


def test_groups_that_carry_different_columns_are_refused() -> None:
    rng = np.random.default_rng(0)
    one, other = random_group(rng, 2, [1]), random_group(rng, 2, [1])
    bare = Group(other.where, other.prompt, other.completions)
    with pytest.raises(ValueError, match="same columns"):
        collate([one, bare])


def test_groups_that_fill_a_row_exactly_share_it() -> None:
    assert pack([5, 5, 4, 6, 10], 10) == [[0, 1], [2, 3], [4]]
    assert pack([7, 3, 2, 8], 10) == [[0, 1], [2, 3]], "best fit: the fullest row that still has room"


@given(st.integers(1, 1 << 18))
def test_rows_on_a_gpu_have_few_sizes_and_are_little_longer(length: int) -> None:
    size = row_size(length)
    assert size % 128 == 0
    assert length <= size < max(1.25 * length, length + 128)
    assert row_size(size) == size


def test_a_factor_of_two_has_at_most_five_sizes() -> None:
    for power in range(10, 18):
        assert len({row_size(length) for length in range(1 << power, (2 << power) + 1, 64)}) <= 5
