"""Tango's interval of two paired shares against published values and against the likelihood itself."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar

from posttrain.statistics.confidence import two_sided
from posttrain.statistics.tango import PairedShares

COUNTS = st.integers(1, 300).flatmap(
    lambda n: st.integers(0, n).flatmap(lambda b: st.tuples(st.just(b), st.integers(0, n - b), st.just(n)))
)


def score_by_likelihood(gains: int, losses: int, n: int, d: float) -> float:
    """The score statistic, with the likeliest share of losses found numerically."""

    def slope(q: float) -> float:
        return gains / (q + d) + losses / q - 2 * (n - gains - losses) / (1 - 2 * q - d)

    low, high = max(0.0, -d), (1 - d) / 2
    q = optimize.brentq(slope, low + 1e-14, high - 1e-14, xtol=1e-16, rtol=1e-15)
    return (gains - losses - n * d) / (n * (2 * q + d - d * d)) ** 0.5


@pytest.mark.parametrize(
    ("gains", "losses", "n", "expected"),
    [
        (1, 7, 21, (-0.517, -0.026)),  # Fagerland, Lydersen and Laake (2014), airway hyper-responsiveness
        (40, 20, 160, (0.0309, 0.2181)),  # the example of R's PropCIs::scoreci.mp
    ],
)
def test_the_interval_equals_published_ones(gains: int, losses: int, n: int, expected: tuple[float, float]) -> None:
    assert two_sided(PairedShares(gains, losses, n)) == pytest.approx(expected, abs=5e-4)


@given(COUNTS, st.floats(-0.9, 0.9))
def test_the_score_is_that_of_the_likelihood(counts: tuple[int, int, int], d: float) -> None:
    gains, losses, n = counts
    assume(gains and losses and gains + losses < n)
    assert PairedShares(*counts).score(d) == pytest.approx(score_by_likelihood(gains, losses, n, d), rel=1e-7, abs=1e-7)


def test_the_score_is_that_of_the_likelihood_to_9_digits() -> None:
    for d in (-0.4, -0.1, 0.05, 0.3):
        expected = score_by_likelihood(9, 4, 60, d)
        assert PairedShares(9, 4, 60).score(d) == pytest.approx(expected, abs=1e-9)


def test_without_a_difference_the_score_test_is_mcnemars() -> None:
    asymptotic = mcnemar([[794, 150], [86, 570]], exact=False, correction=False).pvalue  # Agresti, table 10.1
    assert 2 * PairedShares(86, 150, 1600).p_below(0.0) == pytest.approx(asymptotic, abs=1e-9)


@given(COUNTS)
def test_the_interval_has_the_difference_and_turns_round_when_the_models_change_places(
    counts: tuple[int, int, int],
) -> None:
    gains, losses, n = counts
    low, high = two_sided(PairedShares(gains, losses, n)) or (0.0, 0.0)
    assert -1 <= low <= (gains - losses) / n <= high <= 1
    assert low < high
    assert two_sided(PairedShares(losses, gains, n)) == pytest.approx((-high, -low), abs=1e-9)


def test_without_gains_and_losses_the_interval_still_has_a_width() -> None:
    z2 = stats.norm.ppf(0.975) ** 2
    assert two_sided(PairedShares(0, 0, 50)) == pytest.approx((-z2 / (50 + z2), z2 / (50 + z2)), abs=1e-9)


@pytest.mark.parametrize(
    ("loss", "gain", "n"), [(0.06, 0.01, 220), (0.05, 0.0, 100), (0.1, 0.1, 50), (0.02, 0.02, 500)]
)
def test_the_bounds_cover_the_difference(loss: float, gain: float, n: int) -> None:
    """Exactly, over all outcomes: 95% intervals, and a non-inferiority test at the edge of its margin."""
    covered = shown = 0.0
    for losses in range(n + 1):
        if (weight := stats.binom.pmf(losses, n, loss)) < 1e-9:
            continue
        for gains in range(n - losses + 1):
            if (share := weight * stats.binom.pmf(gains, n - losses, gain / (1 - loss))) < 1e-9:
                continue
            z = PairedShares(gains, losses, n).score(gain - loss)
            covered += share * (abs(z) <= 1.96)
            shown += share * (z >= 1.645)
    assert covered > 0.94
    assert shown < 0.065
    assert np.isfinite(covered)
