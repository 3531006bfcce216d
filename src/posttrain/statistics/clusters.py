"""Means of values in clusters: items of one cluster are alike, so they count for less than as many independent items.

Shape suffixes: `N` items, `G` clusters.
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from posttrain.statistics.confidence import ConfidenceDistribution, Constant, Proportion, StudentMean

Values = NDArray[np.float64]
Codes = NDArray[np.intp]

ROUNDING = 1e-12
"""Values that differ by less, relative to their size, are equal but for rounding."""


def cluster_codes(clusters: Sequence[Hashable] | None, n: int) -> Codes:
    """[N]: the number of each item's cluster, from 0; an item without one (None) is a cluster of its own.

    Raises:
        ValueError: there are no items, or not one cluster per item.
    """
    if not n:
        raise ValueError("statistics need at least one item")
    if clusters is None:
        return np.arange(n)
    if len(clusters) != n:
        raise ValueError(f"{len(clusters)} clusters for {n} items")
    names = [(item if name is None else -1, name) for item, name in enumerate(clusters)]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], dtype=np.intp)


def cluster_sums(values_N: Values, codes_N: Codes) -> Values:
    """[G]: the sum of each cluster's values."""
    return np.bincount(codes_N, weights=values_N).astype(np.float64)


def is_constant(values_N: Values) -> bool:
    """Whether all values are equal but for rounding."""
    return float(np.ptp(values_N)) <= ROUNDING * max(1.0, float(np.abs(values_N).max()))


def is_binary(values_N: Values) -> bool:
    """Whether all values are 0 or 1."""
    return bool(np.isin(values_N, (0.0, 1.0)).all())


def robust_mean(values_N: Values, codes_N: Codes) -> StudentMean:
    """The mean with the cluster-robust error CR2 and its Satterthwaite degrees of freedom.

    With residual sums S_g, cluster sizes m_g and w_g = 1 / (1 - m_g / n), the variance is sum(w_g S_g^2) / n^2. The
    degrees of freedom are those of this quadratic form for independent items of equal variance:
    n^2 / (sum m_g^2 + ((sum w_g m_g^2)^2 - sum w_g^2 m_g^4) / n^2). With one item a cluster it is the t interval.
    R. Bell and D. McCaffrey, "Bias Reduction in Standard Errors for Linear Regression with Multi-Stage Samples",
    Survey Methodology 28 (2002).
    """
    n, sizes_G = len(values_N), np.bincount(codes_N).astype(np.float64)
    mean = float(values_N.mean())
    if len(sizes_G) < 2:
        return StudentMean(mean, 0.0, 0.0)
    sums_G = cluster_sums(values_N - mean, codes_N)
    weights_G = 1 / (1 - sizes_G / n)
    variance = float((weights_G * sums_G**2).sum()) / n**2
    products_G = weights_G * sizes_G**2
    df = n**2 / float((sizes_G**2).sum() + (products_G.sum() ** 2 - (products_G**2).sum()) / n**2)
    return StudentMean(mean, variance**0.5, df)


def robust_distribution(values_N: Values, codes_N: Codes, span: float) -> ConfidenceDistribution:
    """Student's t by cluster, or `Constant` on a scale of length `span` for equal values.

    Clusters whose residuals all sum to zero would give an error of zero; then the items count as independent.
    """
    if is_constant(values_N):
        return Constant(float(values_N.mean()), int(codes_N.max()) + 1, span)
    robust = robust_mean(values_N, codes_N)
    if robust.df > 0 and robust.error <= ROUNDING * float(np.ptp(values_N)):
        return robust_mean(values_N, np.arange(len(values_N)))
    return robust


def effective_items(values_N: Values, codes_N: Codes) -> float:
    """The number of independent items that would give the mean the same error; at most the number of items.

    The variance of independent items is divided by CR2's; the ratio of squared t quantiles pays for the few degrees of
    freedom of few clusters (Korn and Graubard 1998). Values without spread do not show how alike the items of a
    cluster are: then each cluster counts as one item.
    """
    n, clusters = len(values_N), int(codes_N.max()) + 1
    if clusters == n:
        return float(n)
    if clusters < 2 or is_constant(values_N):
        return float(clusters)
    robust = robust_mean(values_N, codes_N)
    if robust.error == 0:
        return float(n)
    quantiles = float(special.stdtrit(n - 1, 0.975) / special.stdtrit(robust.df, 0.975))
    return min(float(n), float(values_N.var(ddof=1)) / n / robust.error**2 * n * quantiles**2)


def mean_distribution(values: Sequence[float], clusters: Sequence[Hashable] | None = None) -> ConfidenceDistribution:
    """What the values say about their mean: Clopper-Pearson for zeros and ones, else Student's t; by cluster.

    Clopper-Pearson bounds hold at least their level at every share and n. Wilson's are shorter and suit a figure on a
    page, but their one-sided error passes 5% at many shares near 0 and 1, where gates have their thresholds. Equal
    values that are not shares are treated as if their scale went as far as the value itself, and by 1 at least.
    """
    values_N = np.array(values, dtype=np.float64)
    codes_N = cluster_codes(clusters, len(values_N))
    if is_binary(values_N):
        n = effective_items(values_N, codes_N)
        return Proportion(float(values_N.mean()) * n, n)
    return robust_distribution(values_N, codes_N, max(1.0, float(np.abs(values_N).max())))
