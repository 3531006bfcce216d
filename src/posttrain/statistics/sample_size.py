"""Sample sizes of means and of unpaired shares, and what clusters cost."""

from collections.abc import Hashable, Sequence
from math import ceil

import numpy as np
from scipy import stats

from posttrain.statistics.clusters import cluster_codes, cluster_sums
from posttrain.statistics.power import Sides
from posttrain.statistics.roots import root


def mean_power(items: int, difference: float, deviation: float, *, alpha: float = 0.05, sides: Sides = 1) -> float:
    """The power of the t test of paired differences with this standard deviation (noncentral t)."""
    if items < 2:
        return 0.0
    critical = float(stats.t.isf(alpha / sides, items - 1))
    shift = abs(difference) / deviation * items**0.5
    other_side = float(stats.nct.cdf(-critical, items - 1, shift)) if sides == 2 else 0.0
    return float(stats.nct.sf(critical, items - 1, shift)) + other_side


def items_for_mean(
    difference: float, deviation: float, *, alpha: float = 0.05, power: float = 0.8, sides: Sides = 1
) -> int:
    """The fewest items with which the paired t test shows the difference.

    Raises:
        ValueError: the difference is 0.
    """
    if difference == 0:
        raise ValueError("no number of items can show a difference of 0")
    low, high = 1, 2
    while mean_power(high, difference, deviation, alpha=alpha, sides=sides) < power:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        enough = mean_power(middle, difference, deviation, alpha=alpha, sides=sides) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def detectable_mean(
    items: int, deviation: float, *, alpha: float = 0.05, power: float = 0.8, sides: Sides = 1
) -> float | None:
    """The smallest difference that the paired t test shows with this power; None for fewer than two items."""
    if items < 2 or deviation <= 0:
        return None

    def short(size: float) -> float:
        return mean_power(items, size * deviation, deviation, alpha=alpha, sides=sides) - power

    high = 1.0
    while short(high) < 0:
        high *= 2
    return deviation * root(short, 0.0, high)


def unpaired_items(first: float, second: float, *, alpha: float = 0.05, power: float = 0.8, sides: Sides = 1) -> int:
    """The items per group with which two independent samples show that their shares differ.

    (z_alpha sqrt(2 p (1 - p)) + z_beta sqrt(p1 (1 - p1) + p2 (1 - p2)))^2 / (p1 - p2)^2, p the mean of both.
    J. Fleiss, "Statistical Methods for Rates and Proportions" (1981), equation 3.14, without continuity correction.

    Raises:
        ValueError: the shares are equal.
    """
    if first == second:
        raise ValueError("no number of items can show that equal shares differ")
    z_alpha, z_beta = float(stats.norm.isf(alpha / sides)), float(stats.norm.ppf(power))
    mean = (first + second) / 2
    spread = first * (1 - first) + second * (1 - second)
    return ceil((z_alpha * (2 * mean * (1 - mean)) ** 0.5 + z_beta * spread**0.5) ** 2 / (first - second) ** 2)


def design_effect(sizes: Sequence[int], correlation: float) -> float:
    """How many times more items a sample in clusters needs: 1 + (m - 1) correlation.

    m is the mean size of the cluster of an item, sum(m_g^2) / sum(m_g). L. Kish, "Survey Sampling" (1965).
    """
    return 1 + (sum(size**2 for size in sizes) / sum(sizes) - 1) * correlation


def intraclass_correlation(values: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """ICC(1): how alike the values of a cluster are, from the analysis of variance; NaN if the data cannot give it.

    A. Donner, "A Review of Inference Procedures for the Intraclass Correlation Coefficient in the One-Way Random
    Effects Model", International Statistical Review 54 (1986).
    """
    values_N, codes_N = np.array(values, dtype=np.float64), cluster_codes(clusters, len(values))
    sizes_G = np.bincount(codes_N)
    n, groups = len(values_N), len(sizes_G)
    if groups < 2 or groups == n:
        return float("nan")
    means_G = cluster_sums(values_N, codes_N) / sizes_G
    between = float((sizes_G * (means_G - values_N.mean()) ** 2).sum()) / (groups - 1)
    within = float(((values_N - means_G[codes_N]) ** 2).sum()) / (n - groups)
    size = (n - float((sizes_G**2).sum()) / n) / (groups - 1)
    total = between + (size - 1) * within
    return (between - within) / total if total > 0 else float("nan")
