"""Distances between rankings, compared with scipy's Kendall tau and with cases made by hand."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from posttrain.statistics.rank_distance import dense_ranks, kendall_distance, mean_kendall_distance

rankings_of_one_item = st.integers(2, 5).flatmap(
    lambda k: st.lists(
        st.lists(st.integers(1, k), min_size=k, max_size=k).map(lambda r: dict(zip("abcde", r, strict=False))),
        min_size=1,
    )
)


@given(rankings_of_one_item)
def test_the_distance_of_rankings_is_a_symmetric_number_from_zero_to_one(rankings: list[dict[str, int]]) -> None:
    for a, b in combinations(rankings, 2):
        assert 0 <= kendall_distance(a, b) == kendall_distance(b, a) <= 1
    for a in rankings:
        assert kendall_distance(a, a) == 0


@given(st.permutations(range(1, 6)), st.permutations(range(1, 6)))
def test_without_ties_the_distance_is_kendalls_tau_rescaled(first: list[int], second: list[int]) -> None:
    a, b = (dict(zip("abcde", ranks, strict=True)) for ranks in (first, second))
    assert kendall_distance(a, b) == pytest.approx((1 - kendalltau(first, second).statistic) / 2)


def test_a_tie_that_only_one_ranking_has_counts_half() -> None:
    assert kendall_distance({"a": 1, "b": 2}, {"a": 1, "b": 1}) == 0.5
    assert kendall_distance({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 2, "c": 2}) == pytest.approx(0.5 / 3)


def test_the_mean_is_over_all_pairs_of_rankings() -> None:
    up, down = {"a": 1, "b": 2}, {"a": 2, "b": 1}
    assert mean_kendall_distance([up, up, down]) == pytest.approx(2 / 3)
    assert mean_kendall_distance([up]) == 0


def test_dense_ranks_keep_the_order_and_have_no_gaps() -> None:
    assert dense_ranks({"a": 7, "b": 2, "c": 7, "d": 9}) == {"a": 2, "b": 1, "c": 2, "d": 3}
