"""Exact tests of paired values: McNemar's test, and the permutation test that exchanges the signs of clusters."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

DRAWS = 9_999
"""Permutations that are drawn where there are too many to go through all of them."""

MOST_STEPS = 10_000_000
"""The work that the exact distribution of whole numbers may cost: clusters times values of the sum."""


MOST_LEVELS = 64
"""Possible p-values that are kept, the smallest first; `holm` takes any p-value above them as possible."""


@dataclass(frozen=True, slots=True)
class PairedTest:
    """p-values of "nothing changed".

    Args:
        p_loss: one-sided; a small value shows that the values fell.
        p_gain: one-sided; a small value shows that the values rose.
        levels: the smallest one-sided p-values that these pairs allow, whatever the signs of their differences.
    """

    p_loss: float
    p_gain: float
    levels: tuple[float, ...]

    @property
    def p_two_sided(self) -> float:
        return min(1.0, 2 * min(self.p_loss, self.p_gain))


def mcnemar(gains: int, losses: int) -> PairedTest:
    """McNemar's exact test: without a change, a differing pair is a gain or a loss with probability 1/2 each.

    Q. McNemar, "Note on the Sampling Error of the Difference between Correlated Proportions or Percentages",
    Psychometrika 12 (1947).
    """
    pairs = gains + losses
    if not pairs:
        return PairedTest(1.0, 1.0, (1.0,))
    p_loss = float(stats.binomtest(losses, pairs, alternative="greater").pvalue)
    p_gain = float(stats.binomtest(gains, pairs, alternative="greater").pvalue)
    return PairedTest(p_loss, p_gain, _levels(stats.binom.cdf(np.arange(min(pairs + 1, MOST_LEVELS)), pairs, 0.5)))


def sign_flip(sums_G: NDArray[np.float64], seed: int = 0) -> PairedTest:
    """The permutation test of paired differences: without a change, a cluster's sum is as likely as its negative.

    The p-value is the share of sign patterns whose total is at least as extreme. Whole numbers have it exactly, from
    the distribution of the total, and so do few clusters; else it is (b + 1) / (m + 1) from m random patterns.
    R. A. Fisher, "The Design of Experiments" (1935), section 21; B. Phipson and G. Smyth, "Permutation P-values Should
    Never Be Zero" (2010).

    Args:
        sums_G: the sum of the differences (after - before) of each cluster.
        seed: for the random patterns.
    """
    sums_G = sums_G[sums_G != 0]
    if not len(sums_G):
        return PairedTest(1.0, 1.0, (1.0,))
    if len(sums_G) == 1:
        sums_G = np.sign(sums_G)
    whole = np.array_equal(sums_G, np.round(sums_G))
    if whole and len(sums_G) * np.abs(sums_G).sum() <= MOST_STEPS:
        return _whole_numbers(sums_G.astype(np.int64))
    drawn = 0 if 2.0 ** len(sums_G) <= DRAWS else DRAWS
    result = stats.permutation_test(
        (sums_G, np.zeros_like(sums_G)),
        _total,
        permutation_type="samples",
        alternative="greater",
        n_resamples=DRAWS,
        batch=1_000,
        rng=np.random.default_rng(seed),
        vectorized=True,
    )
    totals, total = np.asarray(result.null_distribution), float(sums_G.sum())
    rounding = 1e-12 * float(np.abs(sums_G).sum())
    extra = 1 if drawn else 0
    p_gain = float((totals >= total - rounding).sum() + extra) / (len(totals) + extra)
    p_loss = float((totals <= total + rounding).sum() + extra) / (len(totals) + extra)
    reached = np.searchsorted(np.sort(totals), totals + rounding, side="right") / len(totals)
    return PairedTest(p_loss, p_gain, (1 / (drawn + 1),) if drawn else _levels(np.unique(reached)))


def _total(after: NDArray[np.float64], before: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    return (after - before).sum(axis=axis)


def _whole_numbers(sums_G: NDArray[np.int64]) -> PairedTest:
    """The exact test: the total of the positive part runs over sums of subsets, whose counts are convolved."""
    sizes_G = np.abs(sums_G)
    most = int(sizes_G.sum())
    shares = np.zeros(most + 1)
    shares[0] = 1.0
    for size in sizes_G:
        shares[size:] = (shares[size:] + shares[:-size]) / 2
        shares[:size] /= 2
    positive = int(sums_G[sums_G > 0].sum())
    p_gain, p_loss = float(shares[positive:].sum()), float(shares[: positive + 1].sum())
    return PairedTest(min(1.0, p_loss), min(1.0, p_gain), _levels(np.cumsum(shares[shares > 0])))


def _levels(reached: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(p) for p in reached[:MOST_LEVELS])
