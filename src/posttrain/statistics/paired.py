"""Comparison of two models on the same items: the difference, its interval, and tests for a loss and for a gain."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from posttrain.statistics.clusters import (
    cluster_codes,
    cluster_sums,
    effective_items,
    is_binary,
    robust_distribution,
)
from posttrain.statistics.confidence import ConfidenceDistribution, two_sided
from posttrain.statistics.paired_tests import PairedTest, mcnemar, sign_flip
from posttrain.statistics.tango import PairedShares

Better = Literal["higher", "lower"]
Test = Literal["exact McNemar", "sign-flip permutation", "exchange permutation"]


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """What changed from one model to another.

    Args:
        difference: after - before; NaN if the data cannot give it.
        n: the number of items.
        clusters: the number of independent clusters; `n` without clusters.
        interval: the 95% interval of the difference; None if the data give no bound.
        p_loss: one-sided; a small value shows that the model became worse.
        p_gain: one-sided; a small value shows that the model became better.
        p_two_sided: a small value shows that the model changed.
        levels: the smallest one-sided p-values that the data allow; `holm` uses them.
        test: where the p-values are from.
        better: whether higher or lower values are better; it decides what a loss is.
        distribution: every bound of the difference; None if the data give none.
    """

    difference: float
    n: int
    clusters: int
    interval: tuple[float, float] | None
    p_loss: float
    p_gain: float
    p_two_sided: float
    levels: tuple[float, ...]
    test: Test
    better: Better
    distribution: ConfidenceDistribution | None

    def p_within(self, margin: float) -> float:
        """The p-value of "the model is worse by `margin` or more": a small one shows that it is not."""
        if self.distribution is None:
            return 1.0
        return self.distribution.p_above(-margin) if self.better == "higher" else self.distribution.p_below(margin)


def compare_paired(
    before: Sequence[float],
    after: Sequence[float],
    *,
    clusters: Sequence[Hashable] | None = None,
    better: Better = "higher",
    seed: int = 0,
) -> PairedComparison:
    """The difference of two means of the same items.

    Zeros and ones without clusters get McNemar's exact test and Tango's interval; with clusters, the sign-flip
    permutation test and Tango's interval at the effective number of items. Other values get the sign-flip test and the
    cluster-robust t interval.

    Args:
        before: one value per item.
        after: the value of the same items, in the same order.
        clusters: the cluster of each item, such as its group of paraphrases.
        seed: for random permutations, where there are too many to go through all of them.

    Raises:
        ValueError: the lengths differ, there are no items, or a value is NaN.
    """
    if len(before) != len(after):
        raise ValueError(f"{len(before)} values before and {len(after)} after")
    before_N, after_N = np.array(before, dtype=np.float64), np.array(after, dtype=np.float64)
    codes_N = cluster_codes(clusters, len(before_N))
    changes_N = after_N - before_N
    if np.isnan(changes_N).any():
        raise ValueError("a value is NaN: leave such items out before and after")
    independent = int(codes_N.max()) + 1
    difference = float(changes_N.mean())
    if is_binary(before_N) and is_binary(after_N):
        gains, losses = int((changes_N > 0).sum()), int((changes_N < 0).sum())
        scale = effective_items(changes_N, codes_N) / len(changes_N)
        distribution = PairedShares(gains * scale, losses * scale, len(changes_N) * scale)
        if independent == len(changes_N):
            result = mcnemar(gains, losses)
            return comparison_of(difference, independent, independent, distribution, result, "exact McNemar", better)
    else:
        span = float(np.ptp(np.concatenate([before_N, after_N])))
        distribution = robust_distribution(changes_N, codes_N, span)
    result = sign_flip(cluster_sums(changes_N, codes_N), seed)
    return comparison_of(difference, len(changes_N), independent, distribution, result, "sign-flip permutation", better)


def comparison_of(
    difference: float,
    items: int,
    clusters: int,
    distribution: ConfidenceDistribution | None,
    result: PairedTest,
    test: Test,
    better: Better,
) -> PairedComparison:
    """A comparison from its bounds and its test, whose gains are rises; a loss is what `better` makes it."""
    p_loss, p_gain = (result.p_loss, result.p_gain) if better == "higher" else (result.p_gain, result.p_loss)
    return PairedComparison(
        *(difference, items, clusters, two_sided(distribution) if distribution else None),
        *(p_loss, p_gain, result.p_two_sided, result.levels, test, better, distribution),
    )
