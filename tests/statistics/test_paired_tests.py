"""McNemar's test against statsmodels, and the sign-flip test against going through all sign patterns."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from posttrain.statistics.paired_tests import mcnemar, sign_flip


def by_hand(sums: list[float]) -> tuple[float, float]:
    """(p_loss, p_gain) over all sign patterns."""
    signs = np.array(list(product((-1, 1), repeat=len(sums))))
    totals = signs @ np.abs(sums)
    return float((totals <= sum(sums) + 1e-9).mean()), float((totals >= sum(sums) - 1e-9).mean())


@pytest.mark.parametrize(("gains", "losses"), [(86, 150), (2, 12), (5, 5), (0, 1), (7, 1)])
def test_mcnemars_exact_p_value_is_statsmodels(gains: int, losses: int) -> None:
    expected = statsmodels_mcnemar([[794, losses], [gains, 570]], exact=True).pvalue
    assert mcnemar(gains, losses).p_two_sided == pytest.approx(expected, rel=1e-9)


def test_mcnemar_without_differing_pairs_shows_nothing() -> None:
    assert mcnemar(0, 0).p_two_sided == mcnemar(0, 0).levels[0] == 1.0


def test_the_smallest_p_value_is_reached_when_all_pairs_are_losses() -> None:
    assert mcnemar(0, 6).p_loss == pytest.approx(mcnemar(3, 3).levels[0], rel=1e-12) == 1 / 64
    assert sign_flip(np.array([-1.0, -3.0, -2.0])).p_loss == 1 / 8 == sign_flip(np.array([1.0, -3.0, 2.0])).levels[0]
    assert sign_flip(np.array([-0.1, -0.3, -0.2])).p_loss == 1 / 8 == sign_flip(np.array([0.1, -0.3, 0.2])).levels[0]


@given(st.lists(st.integers(-6, 6).filter(bool), min_size=1, max_size=7), st.sampled_from([1.0, 0.1]))
def test_the_levels_are_all_p_values_that_other_signs_would_give(sums: list[int], scale: float) -> None:
    sizes = np.abs(sums) * scale
    possible = {round(sign_flip(np.array(signs) * sizes).p_loss, 9) for signs in product((-1, 1), repeat=len(sums))}
    levels = [round(p, 9) for p in sign_flip(np.array(sums) * scale).levels]
    assert levels == sorted(possible)[: len(levels)]
    assert len(levels) == min(64, len(possible))


@given(st.lists(st.integers(-6, 6), min_size=1, max_size=9))
def test_whole_numbers_are_counted_exactly(sums: list[int]) -> None:
    result = sign_flip(np.array(sums, dtype=float))
    assert (result.p_loss, result.p_gain) == pytest.approx(by_hand([float(s) for s in sums]), abs=1e-12)


@given(st.lists(st.floats(-3, 3).map(lambda x: round(x, 2)), min_size=1, max_size=8))
def test_few_clusters_are_counted_exactly(sums: list[float]) -> None:
    result = sign_flip(np.array(sums))
    assert (result.p_loss, result.p_gain) == pytest.approx(by_hand(sums), abs=1e-12)


@given(st.integers(0, 40), st.integers(0, 40))
def test_single_zeros_and_ones_give_mcnemars_test(gains: int, losses: int) -> None:
    flipped, exact = sign_flip(np.array([1.0] * gains + [-1.0] * losses)), mcnemar(gains, losses)
    assert (flipped.p_loss, flipped.p_gain) == pytest.approx((exact.p_loss, exact.p_gain), abs=1e-12)


def test_many_clusters_come_near_the_exact_p_value_and_repeat_with_the_seed() -> None:
    sums = np.random.default_rng(0).normal(-0.15, 1, size=100)
    drawn = sign_flip(sums, seed=3)
    assert drawn == sign_flip(sums, seed=3)
    assert drawn.p_loss == pytest.approx(stats.ttest_1samp(sums, 0, alternative="less").pvalue, abs=0.02)
    whole = np.round(sums * 3)
    p, exact = sign_flip(whole + 1e-7, seed=1).p_loss, sign_flip(whole).p_loss
    assert p == pytest.approx(exact, abs=4 * (exact * (1 - exact) / 9_999) ** 0.5 + 0.01)


def test_a_drawn_p_value_is_never_zero() -> None:
    assert sign_flip(-np.linspace(1, 2, 60)).p_loss == 1 / 10_000
