"""Confidence intervals of proportions and means."""

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev

Z = 1.959963984540054
"""Standard normal quantile of a two-sided 95% interval."""


def wilson(successes: int, n: int) -> tuple[float, float]:
    """95% interval of a proportion (Wilson 1927); it also holds near 0 and 1.

    Raises:
        ValueError: `n` is 0.
    """
    if n <= 0:
        raise ValueError("an interval needs at least one observation")
    p, z2 = successes / n, Z * Z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))  # p lies within, whatever the rounding


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """95% interval of a mean: Wilson's for zeros and ones, else the normal interval; None for fewer than two values."""
    if not values:
        return None
    if all(value in (0.0, 1.0) for value in values):
        return wilson(int(sum(values)), len(values))
    if len(values) < 2:
        return None
    half = Z * stdev(values) / sqrt(len(values))
    return fmean(values) - half, fmean(values) + half
