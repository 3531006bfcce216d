"""Comparison of two models by a measure that is not a mean, such as macro-F1 or calibration error."""

import math
from collections.abc import Hashable, Sequence

import numpy as np

from posttrain.statistics.bootstrap import REPORT_DRAWS, Method, bootstrap
from posttrain.statistics.clusters import Codes, cluster_codes
from posttrain.statistics.estimate import Measure
from posttrain.statistics.paired import Better, PairedComparison, comparison_of
from posttrain.statistics.paired_tests import PairedTest


def compare_statistic(
    measure: Measure,
    items: int,
    *,
    clusters: Sequence[Hashable] | None = None,
    better: Better = "higher",
    draws: int = REPORT_DRAWS,
    method: Method = "bca",
    seed: int = 0,
) -> PairedComparison:
    """The difference of a measure of the same items.

    The interval is from the paired bootstrap. The p-values are from a permutation test: without a change, the two
    answers to an item are exchangeable, and so are those to a cluster (E. Noreen, "Computer-Intensive Methods for
    Testing Hypotheses", 1989). Bootstrap p-values would find a change too often where few items changed.

    Args:
        measure: takes indices of answers: i is item i before, and `items` + i is the same item after.
        items: the number of items.
        clusters: the cluster of each item.
        draws: the number of bootstrap draws, and of permutations.
        method: of the bootstrap's bounds.
    """
    codes_N = cluster_codes(clusters, items)
    before_N = np.arange(items)
    difference = measure(before_N + items) - measure(before_N)
    distribution = bootstrap(
        lambda picked: measure(picked + items) - measure(picked), codes_N, draws=draws, method=method, seed=seed
    )
    unknown = math.isnan(difference)
    result = PairedTest(1.0, 1.0, (1.0,)) if unknown else _exchange(measure, difference, codes_N, draws, seed)
    count = int(codes_N.max()) + 1
    return comparison_of(difference, items, count, distribution, result, "exchange permutation", better)


def _exchange(measure: Measure, difference: float, codes_N: Codes, draws: int, seed: int) -> PairedTest:
    """The permutation test: each cluster's answers before and after change places with probability 1/2."""
    items, clusters = len(codes_N), int(codes_N.max()) + 1
    exact = 2.0**clusters <= draws
    rng = np.random.default_rng(seed)
    before_N, rises, falls, defined = np.arange(items), 0, 0, 0
    for number in range(2**clusters if exact else draws):
        flips_G = (number >> np.arange(clusters)) & 1 if exact else rng.integers(2, size=clusters)
        moved_N = before_N + items * flips_G[codes_N]
        drawn = measure(2 * before_N + items - moved_N) - measure(moved_N)
        if not math.isnan(drawn):
            defined += 1
            rises += drawn >= difference - 1e-12
            falls += drawn <= difference + 1e-12
    extra = 0 if exact else 1
    smallest = 0.5**clusters if exact else 1 / (draws + 1)
    return PairedTest((falls + extra) / (defined + extra), (rises + extra) / (defined + extra), (smallest,))
