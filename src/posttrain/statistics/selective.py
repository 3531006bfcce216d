"""Selective prediction: how wrong the answers are if only the most confident ones are given.

Coverage is the share of questions that are answered; risk is the mean loss of the answers given. Answers of equal
confidence are given together: inside such a tie the risk is its expectation over the order.
Y. Geifman and R. El-Yaniv, "Selective Classification for Deep Neural Networks", NeurIPS 2017.
Shape suffix: `N` answers.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def risk_coverage(confidence_N: Array, loss_N: Array) -> tuple[Array, Array]:
    """[N] coverage, ascending, and [N] risk: entry k is about the k + 1 most confident answers."""
    order_N = np.argsort(-confidence_N, kind="stable")
    losses_N, starts = loss_N[order_N], _tie_starts(confidence_N[order_N])
    sizes = np.diff(np.append(starts, len(losses_N)))
    means = np.add.reduceat(losses_N, starts) / sizes if len(starts) else losses_N
    counts_N = np.arange(1, len(losses_N) + 1)
    return counts_N / max(1, len(losses_N)), np.cumsum(np.repeat(means, sizes)) / counts_N


def risk_coverage_area(confidence_N: Array, loss_N: Array) -> float:
    """AURC: the mean risk over all coverages 1/N, 2/N, ..., 1; NaN without answers.

    Y. Geifman, G. Uziel and R. El-Yaniv, "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers", ICLR 2019.
    """
    return float(risk_coverage(confidence_N, loss_N)[1].mean()) if len(loss_N) else float("nan")


def selective_accuracy(confidence_N: Array, correct_N: Array, coverage: float) -> float:
    """The share of right answers among the most confident ones, as many as reach the coverage; NaN without answers.

    Raises:
        ValueError: the coverage is not above 0 and at most 1.
    """
    if not 0 < coverage <= 1:
        raise ValueError(f"the coverage is {coverage}: it must lie above 0 and not above 1")
    if not len(correct_N):
        return float("nan")
    count = int(np.ceil(coverage * len(correct_N) - 1e-9))
    return 1 - float(risk_coverage(confidence_N, 1 - correct_N)[1][count - 1])


def coverage_at_risk(confidence_N: Array, loss_N: Array, risk: float) -> float:
    """The largest coverage that a confidence threshold reaches with at most this risk; 0 if none does."""
    if not len(loss_N):
        return 0.0
    coverage_N, risk_N = risk_coverage(confidence_N, loss_N)
    ends = np.append(_tie_starts(np.sort(confidence_N)[::-1])[1:], len(loss_N)) - 1
    reached = coverage_N[ends][risk_N[ends] <= risk + 1e-12]
    return float(reached.max()) if len(reached) else 0.0


def _tie_starts(sorted_N: Array) -> NDArray[np.intp]:
    """The places at which a new confidence starts."""
    return np.flatnonzero(np.append(True, sorted_N[1:] != sorted_N[:-1])) if len(sorted_N) else np.arange(0)
