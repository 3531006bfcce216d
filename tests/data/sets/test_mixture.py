"""Mixtures: tasks are drawn by their exact shares, and no row comes twice before all rows of its task came once."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posttrain.data.sets.mixture import draws, mixed_order

_TASKS = st.lists(st.tuples(st.integers(1, 500), st.floats(0.01, 100)), min_size=1, max_size=8)


@given(tasks=_TASKS, temperature=st.floats(1, 1e6), total=st.integers(0, 5000))
def test_the_draws_sum_to_the_total_and_miss_their_share_by_less_than_one(
    tasks: list[tuple[int, float]], temperature: float, total: int
) -> None:
    sizes, weights = [n for n, _ in tasks], [w for _, w in tasks]
    counts = draws(sizes, weights, temperature, total)
    shares = [w * n ** (1 / temperature) for n, w in tasks]
    assert sum(counts) == total
    assert all(abs(c - total * s / sum(shares)) < 1 + 1e-6 for c, s in zip(counts, shares, strict=True))


def test_the_rest_goes_to_the_largest_remainders() -> None:
    assert draws([1, 1, 1], [5, 3, 2], 1.0, 4) == [2, 1, 1]  # 2.0, 1.2, 0.8
    assert draws([1, 1, 1], [1, 1, 1], 1.0, 4) == [2, 1, 1]  # a tie: the first
    assert draws([47, 16, 37], [1, 1, 1], 1.0, 10) == [5, 1, 4]  # 4.7, 1.6, 3.7: 1.6 comes last


@given(sizes=st.lists(st.integers(1, 10_000), min_size=1, max_size=10), weight=st.floats(0.01, 100))
def test_at_temperature_one_and_equal_weights_each_task_is_drawn_once_over(sizes: list[int], weight: float) -> None:
    assert draws(sizes, [weight] * len(sizes), 1.0, sum(sizes)) == sizes


@pytest.mark.parametrize("temperature", [1e9, float("inf")])
def test_at_a_high_temperature_tasks_are_drawn_equally_often_whatever_their_size(temperature: float) -> None:
    assert draws([10_000, 10, 1], [1, 1, 1], temperature, 300) == [100, 100, 100]


def test_a_temperature_between_flattens() -> None:
    assert draws([900, 100], [1, 1], 2.0, 400) == [300, 100]  # sqrt: 30 to 10


def test_weights_multiply_shares() -> None:
    assert draws([100, 100], [3, 1], 1.0, 200) == [150, 50]
    assert draws([300, 100], [1, 3], 1.0, 400) == [200, 200]


_SIZES = st.lists(st.integers(1, 12), min_size=1, max_size=4)


def _members(sizes: list[int]) -> list[int]:
    """The task of each group, the tasks interleaved."""
    return sorted((t for t, n in enumerate(sizes) for _ in range(n)), key=lambda t: hash((t, 7)) % 5)


@given(
    sizes=_SIZES,
    weights=st.lists(st.floats(0.1, 10), min_size=4, max_size=4),
    temperature=st.floats(1, 100),
    seed=st.integers(0, 2**32),
)
def test_all_rows_of_a_task_are_drawn_before_any_is_drawn_again_also_across_epochs(
    sizes: list[int], weights: list[float], temperature: float, seed: int
) -> None:
    task_of, weights = _members(sizes), weights[: len(sizes)]
    drawn: Counter[int] = Counter()
    counts = draws(sizes, weights, temperature, len(task_of))
    for epoch in range(6):
        order = mixed_order(task_of, weights, temperature, seed, epoch)
        drawn.update(order)
        assert Counter(task_of[i] for i in order) == Counter({t: c for t, c in enumerate(counts) if c})
        for task, size in enumerate(sizes):
            times = [drawn[i] for i in range(len(task_of)) if task_of[i] == task]
            assert len(times) == size
            assert max(times) - min(times) <= 1


def test_an_epoch_depends_on_seed_and_number_alone_and_each_is_another_order() -> None:
    task_of = _members([40, 20])
    orders = [mixed_order(task_of, [1, 2], 1.5, 3, epoch) for epoch in (0, 1, 2)]
    assert orders == [mixed_order(task_of, [1, 2], 1.5, 3, epoch) for epoch in (0, 1, 2)]
    assert all(one != other for one, other in pairwise([*orders, orders[0]]))
    assert mixed_order(task_of, [1, 2], 1.5, 4, 0) != orders[0]


def test_tasks_are_mixed_and_not_drawn_one_after_the_other() -> None:
    order = mixed_order([0] * 200 + [1] * 200, [1, 1], 1.0, 0, 0)
    ahead = sum(i < 200 for i in order[:200])
    assert 70 < ahead < 130


def test_a_task_of_too_small_a_share_is_not_drawn_and_breaks_nothing() -> None:
    order = mixed_order([0] * 50 + [1], [1, 1e-6], 1.0, 0, 0)
    assert sorted(set(order)) == list(range(50))
    assert len(order) == 51
