"""Confidence distributions: bounds equal statsmodels and scipy, and p-values agree with bounds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from posttrain.statistics.bootstrap import Bootstrapped
from posttrain.statistics.confidence import ConfidenceDistribution, Constant, Proportion, StudentMean, two_sided
from posttrain.statistics.tango import PairedShares

NORMAL_DRAWS = np.sort(np.random.default_rng(0).normal(0.2, 0.1, size=4_000))


@pytest.mark.parametrize(("successes", "n"), [(0, 20), (1, 20), (95, 100), (100, 100), (81, 263)])
def test_the_bounds_of_a_share_are_clopper_and_pearsons(successes: int, n: int) -> None:
    low, high = proportion_confint(successes, n, method="beta")
    expected = (0.0 if successes == 0 else low, 1.0 if successes == n else high)
    assert two_sided(Proportion(successes, n)) == pytest.approx(expected, abs=1e-9)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.01, 0.99))
def test_the_p_values_of_a_share_are_the_binomial_tests(counts: tuple[int, int], value: float) -> None:
    successes, n = counts
    share = Proportion(successes, n)
    greater = stats.binomtest(successes, n, value, alternative="greater").pvalue
    less = stats.binomtest(successes, n, value, alternative="less").pvalue
    assert share.p_above(value) == pytest.approx(greater, abs=1e-9)
    assert share.p_below(value) == pytest.approx(less, abs=1e-9)


def test_equal_values_have_the_bounds_of_a_share_without_events() -> None:
    """The rule of three: after 50 answers without an event, the share of events is below 5.8%."""
    assert Constant(0.0, 50, 1.0).upper(0.05) == pytest.approx(Proportion(0, 50).upper(0.05), abs=1e-12)
    assert Constant(0.0, 50, 1.0).upper(0.05) == pytest.approx(3 / 50, abs=2e-3)
    assert Constant(2.0, 50, 0.0).p_above(1.9) == 0.0


@pytest.mark.parametrize(
    "distribution",
    [
        Proportion(17, 20),
        Proportion(17.3, 20.9),
        StudentMean(0.3, 0.1, 7.5),
        Constant(0.1, 30, 2.0),
        PairedShares(2, 9, 80),
        PairedShares(0, 0, 80),
        Bootstrapped(0.2, NORMAL_DRAWS),
        Bootstrapped(0.2, NORMAL_DRAWS, bias=0.1, acceleration=0.05),
    ],
)
@pytest.mark.parametrize("alpha", [0.005, 0.05, 0.4])
def test_a_bound_is_the_value_whose_p_value_is_alpha(distribution: ConfidenceDistribution, alpha: float) -> None:
    close = 2e-3 if isinstance(distribution, Bootstrapped) else 1e-8
    assert distribution.p_above(distribution.lower(alpha)) == pytest.approx(alpha, abs=close)
    assert distribution.p_below(distribution.upper(alpha)) == pytest.approx(alpha, abs=close)
    assert distribution.lower(alpha) < distribution.estimate < distribution.upper(alpha)


def test_without_degrees_of_freedom_nothing_is_shown() -> None:
    single = StudentMean(1.0, 0.0, 0.0)
    assert two_sided(single) is None
    assert single.p_above(-100) == single.p_below(100) == 1.0
