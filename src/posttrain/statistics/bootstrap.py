"""Bootstrap distributions of any measure of items; clusters are drawn whole.

Shape suffixes: `B` bootstrap draws, `G` clusters, `N` items.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from posttrain.statistics.clusters import Codes, is_constant
from posttrain.statistics.confidence import ConfidenceDistribution, Constant
from posttrain.statistics.estimate import Measure

REPORT_DRAWS = 2_000
"""Bootstrap draws of a figure that a verdict rests on."""

Method = Literal["percentile", "bca"]


@dataclass(frozen=True, slots=True)
class Bootstrapped:
    """A measure with its bootstrap draws: percentile bounds, or BCa bounds with `bias` and `acceleration`.

    The bound at level alpha is the quantile of the draws at
    Phi(bias + (bias + z_alpha) / (1 - acceleration (bias + z_alpha))); with 0 and 0 it is the percentile bound.
    B. Efron, "Better Bootstrap Confidence Intervals", JASA 82 (1987).

    Args:
        draws_B: the measure of each draw, ascending.
    """

    estimate: float
    draws_B: NDArray[np.float64]
    bias: float = 0.0
    acceleration: float = 0.0

    def p_above(self, value: float) -> float:
        return self._level((int((self.draws_B <= value).sum()) + 1) / (len(self.draws_B) + 1))

    def p_below(self, value: float) -> float:
        return 1 - self._level(int((self.draws_B < value).sum()) / (len(self.draws_B) + 1))

    def lower(self, alpha: float) -> float:
        shifted = self.bias + float(special.ndtri(alpha))
        quantile = float(special.ndtr(self.bias + shifted / (1 - self.acceleration * shifted)))
        return float(np.quantile(self.draws_B, quantile))

    def upper(self, alpha: float) -> float:
        return self.lower(1 - alpha)

    def _level(self, share: float) -> float:
        """The level whose bound is the draws' quantile at `share`."""
        share = min(max(share, 1 / (len(self.draws_B) + 1)), 1 - 1 / (len(self.draws_B) + 1))
        distance = float(special.ndtri(share)) - self.bias
        spread = 1 + self.acceleration * distance
        if spread <= 0:
            return 1.0 if distance > 0 else 0.0
        return float(special.ndtr(distance / spread - self.bias))


def bootstrap(
    measure: Measure, codes_N: Codes, *, draws: int = REPORT_DRAWS, method: Method = "bca", seed: int = 0
) -> ConfidenceDistribution | None:
    """The bootstrap distribution of a measure.

    B. Efron and R. Tibshirani, "An Introduction to the Bootstrap" (1993), chapters 13 and 14; A. Davison and
    D. Hinkley, "Bootstrap Methods and their Application" (1997), section 3.8, for clusters.

    Args:
        measure: takes indices of items, which may repeat; draws where it is NaN are left out.
        codes_N: the cluster of each item.

    Returns:
        None for one cluster, or if the measure is undefined for all items or for most draws. Without spread in the
        draws it is a `Constant` on a scale of length 1, of the clusters for which the measure is defined.
    """
    members = cluster_members(codes_N)
    estimate = measure(np.arange(len(codes_N)))
    if len(members) < 2 or np.isnan(estimate):
        return None
    rng = np.random.default_rng(seed)
    draws_B = np.array([measure(_drawn(members, rng.integers(len(members), size=len(members)))) for _ in range(draws)])
    draws_B = np.sort(draws_B[~np.isnan(draws_B)])
    if len(draws_B) < draws / 2:
        return None
    if is_constant(draws_B):
        counted = sum(not np.isnan(measure(items)) for items in members)
        return Constant(estimate, counted or len(members), 1.0)
    if method == "percentile":
        return Bootstrapped(estimate, draws_B)
    below = (int((draws_B < estimate).sum()) + int((draws_B <= estimate).sum())) / (2 * len(draws_B))
    below = min(max(below, 1 / (len(draws_B) + 1)), 1 - 1 / (len(draws_B) + 1))
    return Bootstrapped(estimate, draws_B, float(special.ndtri(below)), _acceleration(measure, members))


def cluster_members(codes_N: Codes) -> list[Codes]:
    """The items of each cluster."""
    order_N = np.argsort(codes_N, kind="stable")
    return np.split(order_N, np.cumsum(np.bincount(codes_N))[:-1])


def _drawn(members: list[Codes], picked_G: Codes) -> Codes:
    if len(members) == sum(map(len, members)):
        return picked_G  # each item is its own cluster, in order
    return np.concatenate([members[cluster] for cluster in picked_G])


def _acceleration(measure: Measure, members: list[Codes]) -> float:
    """The skewness of the measure when one cluster after the other is left out, divided by 6 (Efron 1987, eq. 6.6)."""
    all_N = np.concatenate(members)
    ends = np.cumsum([len(items) for items in members])
    left_G = np.array(
        [measure(np.delete(all_N, np.s_[end - len(items) : end])) for items, end in zip(members, ends, strict=True)]
    )
    distances_G = left_G[~np.isnan(left_G)].mean() - left_G[~np.isnan(left_G)] if not np.isnan(left_G).all() else left_G
    squares = float((distances_G**2).sum())
    return float((distances_G**3).sum()) / (6 * squares**1.5) if squares > 0 else 0.0
