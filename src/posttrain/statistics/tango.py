"""The difference of two paired shares, by the score method."""

import math
from dataclasses import dataclass

from scipy import special

from posttrain.statistics.roots import root


@dataclass(frozen=True, slots=True)
class PairedShares:
    """The difference of two shares of the same items: (gains - losses) / n, with score tests and bounds.

    T. Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design", Statistics in Medicine 17 (1998). The score statistic of a difference d is
    (gains - losses - n d) / sqrt(n (2 q + d (1 - d))), with q the likeliest share of losses if d is the truth. It holds
    its level also without gains and losses, where the usual interval has no width. The counts need not be whole: a
    sample in clusters has them at its effective number of items.

    Args:
        gains: items that are wrong before and right after.
        losses: items that are right before and wrong after.
        n: all items.
    """

    gains: float
    losses: float
    n: float

    @property
    def estimate(self) -> float:
        return (self.gains - self.losses) / self.n

    def score(self, difference: float) -> float:
        """The score statistic, standard normal if `difference` is the truth; it falls as `difference` grows."""
        n, d = self.n, difference
        middle = (2 * n - self.gains + self.losses) * d - self.gains - self.losses
        square_root = max(0.0, middle**2 + 8 * n * self.losses * d * (1 - d)) ** 0.5
        likeliest = max(0.0, (square_root - middle) / (4 * n))
        variance = n * (2 * likeliest + d * (1 - d))
        distance = self.gains - self.losses - n * d
        if variance <= 0:
            return math.copysign(math.inf, distance) if distance else 0.0
        return distance / variance**0.5

    def p_above(self, value: float) -> float:
        return float(special.ndtr(-self.score(max(-1.0, min(1.0, value)))))

    def p_below(self, value: float) -> float:
        return float(special.ndtr(self.score(max(-1.0, min(1.0, value)))))

    def lower(self, alpha: float) -> float:
        return self._bound(-float(special.ndtri(alpha)), -1.0)

    def upper(self, alpha: float) -> float:
        return self._bound(float(special.ndtri(alpha)), 1.0)

    def _bound(self, quantile: float, end: float) -> float:
        """The difference whose score is `quantile`, between the estimate and an end of the scale."""
        if self.estimate == end:
            return end
        low, high = sorted((self.estimate, end * (1 - 1e-12)))
        return root(lambda d: self.score(d) - quantile, low, high)
