"""Calibration: whether a confidence of 0.8 is right in 80% of the cases. Shape suffixes: `N` answers, `K` bins."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Bins = Literal["equal width", "equal mass"]


def brier_score(confidence_N: Array, correct_N: Array) -> float:
    """The mean squared difference between confidence and correctness (0 or 1); NaN without answers.

    G. Brier, "Verification of Forecasts Expressed in Terms of Probability", Monthly Weather Review 78 (1950).
    """
    return float(((confidence_N - correct_N) ** 2).mean()) if len(confidence_N) else float("nan")


def calibration_error(confidence_N: Array, correct_N: Array, *, bins: int = 10, kind: Bins = "equal width") -> float:
    """ECE: the mean distance, over answers, between a bin's mean confidence and its share of right answers.

    Bins of equal width are ((k - 1) / K, k / K], and 0 belongs to the first. Bins of equal mass have the same number
    of answers, but for one, in the order of confidence. M. Naeini et al., "Obtaining Well Calibrated Probabilities
    Using Bayesian Binning", AAAI 2015; C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.

    Returns:
        NaN without answers.
    """
    if not len(confidence_N):
        return float("nan")
    gaps_K = _bin_sums(confidence_N - correct_N, _bin_numbers(confidence_N, bins, kind), bins)
    return float(np.abs(gaps_K).sum() / len(confidence_N))


def reliability(
    confidence_N: Array, correct_N: Array, *, bins: int = 10, kind: Bins = "equal width"
) -> tuple[Array, Array, Array]:
    """[K] each: a bin's mean confidence, its share of right answers (both NaN if it is empty), and its count."""
    numbers_N = _bin_numbers(confidence_N, bins, kind)
    counts_K = np.bincount(numbers_N, minlength=bins).astype(np.float64)
    with np.errstate(invalid="ignore"):
        confidence_K = _bin_sums(confidence_N, numbers_N, bins) / counts_K
        correct_K = _bin_sums(correct_N, numbers_N, bins) / counts_K
    return confidence_K, correct_K, counts_K


def _bin_numbers(confidence_N: Array, bins: int, kind: Bins) -> NDArray[np.intp]:
    if kind == "equal width":
        edges = np.linspace(0, 1, bins + 1)[1:-1]
        return np.searchsorted(edges, confidence_N, side="left")
    ranks_N = np.empty(len(confidence_N), dtype=np.intp)
    ranks_N[np.argsort(confidence_N, kind="stable")] = np.arange(len(confidence_N))
    return ranks_N * bins // max(1, len(confidence_N))


def _bin_sums(values_N: Array, numbers_N: NDArray[np.intp], bins: int) -> Array:
    return np.bincount(numbers_N, weights=values_N, minlength=bins).astype(np.float64)
