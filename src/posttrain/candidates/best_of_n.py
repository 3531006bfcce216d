"""The expected score of the best of n candidates, from K scored candidates of each prompt."""

from collections import Counter
from collections.abc import Sequence
from math import comb

import numpy as np

from posttrain.statistics.estimate import Estimate
from posttrain.statistics.intervals import interval


def expected_best_of_n(scores: Sequence[float], n: int) -> float:
    """The expected largest score of n candidates that are drawn from K without replacement.

    With s_(1) ≤ ... ≤ s_(K), the expectation is Σ_i C(i - 1, n - 1) / C(K, n) · s_(i), since s_(i) is the largest one
    of C(i - 1, n - 1) of the C(K, n) subsets. It is an unbiased estimate of the best of n independent completions, as
    pass@k is for right and wrong answers (Chen et al. 2021, arXiv:2107.03374, equation 1).
    """
    ordered, subsets = sorted(scores), comb(len(scores), n)
    return sum(comb(i, n - 1) / subsets * score for i, score in enumerate(ordered))


def best_of_n_curve(scores: Sequence[Sequence[float]]) -> list[Estimate]:
    """The mean over prompts for n = 1..K, with 95% intervals.

    K is the largest number of scores that at least half of the prompts have. Other prompts do not count, so that all
    points of the curve are about the same prompts.

    Args:
        scores: for each prompt the scores of its candidates; prompts without scores do not count.
    """
    counts = Counter(len(values) for values in scores if values)
    total, k = sum(counts.values()), max(counts, default=0)
    while k > 1 and 2 * sum(count for size, count in counts.items() if size >= k) < total:
        k -= 1
    full = [values for values in scores if values and len(values) >= k]
    curve: list[Estimate] = []
    for n in range(1, k + 1):
        expected = [expected_best_of_n(values, n) for values in full]
        curve.append(Estimate(float(np.mean(expected)), len(full), interval(expected), counted="prompts"))
    return curve
