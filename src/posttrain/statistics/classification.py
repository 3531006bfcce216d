"""Classification: confusion matrix, F1 and Matthews' correlation. Shape suffixes: `L` labels, `N` answers.

An answer that names no label counts as wrong: it has a column of its own, behind the labels.
"""

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from posttrain.statistics.estimate import Measure

Counts = NDArray[np.float64]


def label_cells(
    true: Sequence[Hashable], predicted: Sequence[Hashable | None], labels: Sequence[Hashable]
) -> NDArray[np.intp]:
    """[N]: the cell of the confusion matrix that each answer belongs to, row by row.

    Raises:
        ValueError: a true label is not among the labels.
    """
    numbers = {label: number for number, label in enumerate(labels)}
    unknown = [label for label in true if label not in numbers]
    if unknown:
        raise ValueError(f"the true label {unknown[0]!r} is not among the labels")
    columns = len(labels) + 1
    return np.array(
        [
            numbers[label] * columns + numbers.get(answer, len(labels))
            for label, answer in zip(true, predicted, strict=True)
        ],
        dtype=np.intp,
    )


def confusion(cells_N: NDArray[np.intp], labels: int) -> Counts:
    """[L, L + 1]: how often each true label (row) got each answer (column); the last column has no label."""
    return np.bincount(cells_N, minlength=labels * (labels + 1)).reshape(labels, labels + 1).astype(np.float64)


def classification_measure(figure: Callable[[Counts], float], cells_N: NDArray[np.intp], labels: int) -> Measure:
    """A figure of the confusion matrix as a measure of items, for the bootstrap."""
    return lambda picked: figure(confusion(cells_N[picked], labels))


def macro_f1(counts_LL: Counts) -> float:
    """The mean of the labels' F1, 2 TP / (2 TP + FP + FN); labels that are neither true nor predicted do not count.

    Returns:
        NaN without answers.
    """
    right_L, both_L = _right_and_all(counts_LL)
    present_L = both_L > 0
    return float((2 * right_L[present_L] / both_L[present_L]).mean()) if present_L.any() else float("nan")


def micro_f1(counts_LL: Counts) -> float:
    """2 TP / (2 TP + FP + FN) with the counts of all labels together; NaN without answers."""
    right_L, both_L = _right_and_all(counts_LL)
    return float(2 * right_L.sum() / both_L.sum()) if both_L.any() else float("nan")


def matthews_correlation(counts_LL: Counts) -> float:
    """MCC for any number of labels: the correlation of true and predicted labels; 0 if one of them is constant.

    J. Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient", Computational Biology
    and Chemistry 28 (2004).

    Returns:
        NaN without answers.
    """
    total = float(counts_LL.sum())
    if not total:
        return float("nan")
    true_L, predicted_L = counts_LL.sum(1), counts_LL.sum(0)
    covariance = float(np.trace(counts_LL)) * total - float(true_L @ predicted_L[:-1])
    spread = (total**2 - float(predicted_L @ predicted_L)) * (total**2 - float(true_L @ true_L))
    return covariance / spread**0.5 if spread > 0 else 0.0


def _right_and_all(counts_LL: Counts) -> tuple[Counts, Counts]:
    """Per label: the right answers, and how often it is true plus how often it is predicted."""
    return np.diagonal(counts_LL), counts_LL.sum(1) + counts_LL.sum(0)[:-1]
