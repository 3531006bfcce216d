"""Comparison of two models on the same items: the right test is picked, and both directions agree."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from posttrain.statistics.confidence import Constant
from posttrain.statistics.paired import compare_paired
from posttrain.statistics.paired_tests import mcnemar
from posttrain.statistics.tango import PairedShares

SHARES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 4)), min_size=2, max_size=40)
NUMBERS = st.lists(
    st.tuples(st.integers(-20, 20), st.integers(-20, 20), st.integers(0, 4)).map(lambda t: (t[0] / 8, t[1] / 8, t[2])),
    min_size=3,
    max_size=12,
)


def test_zeros_and_ones_get_mcnemars_test_and_tangos_interval() -> None:
    before, after = [1.0] * 9 + [0.0] * 3 + [1.0] * 8, [0.0] * 9 + [1.0] * 3 + [1.0] * 8
    comparison = compare_paired(before, after)
    assert comparison.test == "exact McNemar"
    assert comparison.distribution == PairedShares(3, 9, 20)
    assert comparison.p_loss == mcnemar(3, 9).p_loss
    assert (comparison.n, comparison.clusters) == (20, 20)


def test_other_values_get_the_sign_flip_test_and_the_t_interval() -> None:
    rng = np.random.default_rng(0)
    before, after = rng.normal(size=50), rng.normal(0.3, 1, size=50)
    comparison = compare_paired(before.tolist(), after.tolist())
    expected = stats.ttest_rel(after, before)
    assert comparison.test == "sign-flip permutation"
    assert comparison.interval == pytest.approx(tuple(expected.confidence_interval()), abs=1e-9)
    assert comparison.p_two_sided == pytest.approx(expected.pvalue, abs=0.02)


def test_clusters_of_losses_count_as_few_losses() -> None:
    """Ten losses in two groups of paraphrases show less than ten losses in ten groups."""
    before, after = [1.0] * 100, [0.0] * 10 + [1.0] * 90
    together = compare_paired(before, after, clusters=[item // 5 for item in range(100)])
    apart = compare_paired(before, after, clusters=[item % 20 for item in range(100)])
    assert together.test == "sign-flip permutation"
    assert together.p_loss == 0.25
    assert apart.p_loss < 0.01
    assert together.interval is not None
    assert apart.interval is not None
    assert together.interval[0] < apart.interval[0]
    assert together.interval[1] > 0


@given(SHARES)
def test_the_interval_of_shares_has_the_difference_and_turns_round(rows: list[tuple[int, int, int]]) -> None:
    before, after, clusters = ([float(value) for value in column] for column in zip(*rows, strict=True))
    for groups in (None, clusters):
        there, back = compare_paired(before, after, clusters=groups), compare_paired(after, before, clusters=groups)
        assert there.interval is not None
        assert back.interval is not None
        assert there.interval[0] - 1e-12 <= there.difference <= there.interval[1] + 1e-12
        assert back.interval == pytest.approx((-there.interval[1], -there.interval[0]), abs=1e-9)
        assert (back.p_loss, back.p_gain) == pytest.approx((there.p_gain, there.p_loss), abs=1e-12)


@given(NUMBERS)
def test_the_interval_of_numbers_has_the_difference_and_turns_round(rows: list[tuple[float, float, int]]) -> None:
    before, after, clusters = (list(column) for column in zip(*rows, strict=True))
    for groups in (None, clusters):
        there, back = compare_paired(before, after, clusters=groups), compare_paired(after, before, clusters=groups)
        assert (back.p_loss, back.p_gain) == pytest.approx((there.p_gain, there.p_loss), abs=1e-12)
        if there.interval is not None:
            assert there.interval[0] - 1e-12 <= there.difference <= there.interval[1] + 1e-12
            assert back.interval == pytest.approx((-there.interval[1], -there.interval[0]), abs=1e-9)


@given(SHARES)
def test_lower_is_better_exchanges_loss_and_gain(rows: list[tuple[int, int, int]]) -> None:
    before, after, _ = ([float(value) for value in column] for column in zip(*rows, strict=True))
    higher, lower = compare_paired(before, after), compare_paired(before, after, better="lower")
    assert (higher.p_loss, higher.p_gain) == (lower.p_gain, lower.p_loss)
    assert higher.interval == lower.interval
    back = compare_paired(after, before)
    assert lower.p_within(0.1) == pytest.approx(back.p_within(0.1), abs=1e-9)


def test_a_cluster_of_one_equals_no_clusters() -> None:
    before, after = [1.0, 0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 1.0, 0.0, 1.0]
    assert compare_paired(before, after, clusters=list("abcde")) == compare_paired(before, after)


def test_a_single_cluster_shows_nothing() -> None:
    shares = compare_paired([1.0] * 50, [0.0] * 50, clusters=["a"] * 50)
    numbers = compare_paired([0.5, 0.7] * 25, [0.1, 0.6] * 25, clusters=["a"] * 50)
    assert (shares.p_loss, shares.clusters) == (numbers.p_loss, numbers.clusters) == (0.5, 1)
    assert shares.interval is not None
    assert shares.interval[1] > -0.5
    assert numbers.interval is None
    assert numbers.p_within(100.0) == 1.0


def test_equal_answers_show_the_less_the_fewer_they_are() -> None:
    few, many = compare_paired([0.5, 0.7] * 3, [0.5, 0.7] * 3), compare_paired([0.5, 0.7] * 300, [0.5, 0.7] * 300)
    assert few.p_loss == many.p_loss == 1.0
    assert isinstance(few.distribution, Constant)
    assert few.p_within(0.01) > 0.05 > many.p_within(0.01)


def test_values_must_belong_together() -> None:
    with pytest.raises(ValueError, match="2 values before and 1 after"):
        compare_paired([1.0, 0.0], [1.0])
    with pytest.raises(ValueError, match="NaN"):
        compare_paired([1.0, 0.0], [1.0, float("nan")])
    with pytest.raises(ValueError, match="at least one item"):
        compare_paired([], [])
