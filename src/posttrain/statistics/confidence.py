"""Confidence distributions: one object gives every one-sided p-value and every bound of an unknown value.

M. Xie and K. Singh, "Confidence Distribution, the Frequentist Distribution Estimator of a Parameter: A Review",
International Statistical Review 81 (2013).
"""

import math
from dataclasses import dataclass
from typing import Protocol

from scipy import special


class ConfidenceDistribution(Protocol):
    """What the data say about an unknown value."""

    @property
    def estimate(self) -> float: ...

    def p_above(self, value: float) -> float:
        """The p-value of "the truth is at most `value`": a small one shows that the truth is above."""
        ...

    def p_below(self, value: float) -> float:
        """The p-value of "the truth is at least `value`": a small one shows that the truth is below."""
        ...

    def lower(self, alpha: float) -> float:
        """The lower bound that the truth falls short of with probability `alpha` at most."""
        ...

    def upper(self, alpha: float) -> float:
        """The upper bound that the truth exceeds with probability `alpha` at most."""
        ...


def two_sided(distribution: ConfidenceDistribution, level: float = 0.95) -> tuple[float, float] | None:
    """The interval with equal tails; None if the data give no bound."""
    alpha = (1 - level) / 2
    low, high = distribution.lower(alpha), distribution.upper(alpha)
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


@dataclass(frozen=True, slots=True)
class Proportion:
    """A share with the exact bounds of C. Clopper and E. Pearson, Biometrika 26 (1934).

    The counts need not be whole: E. Korn and B. Graubard (Survey Methodology 24, 1998) use these bounds with the
    effective number of observations of a sample in clusters.
    """

    successes: float
    n: float

    @property
    def estimate(self) -> float:
        return self.successes / self.n

    def p_above(self, value: float) -> float:
        if self.successes <= 0:
            return 1.0
        return float(special.betainc(self.successes, self.n - self.successes + 1, min(1.0, max(0.0, value))))

    def p_below(self, value: float) -> float:
        if self.successes >= self.n:
            return 1.0
        return float(special.betaincc(self.successes + 1, self.n - self.successes, min(1.0, max(0.0, value))))

    def lower(self, alpha: float) -> float:
        if self.successes <= 0:
            return 0.0
        return float(special.betaincinv(self.successes, self.n - self.successes + 1, alpha))

    def upper(self, alpha: float) -> float:
        if self.successes >= self.n:
            return 1.0
        return float(special.betainccinv(self.successes + 1, self.n - self.successes, alpha))


@dataclass(frozen=True, slots=True)
class StudentMean:
    """A mean whose standardised error has Student's t distribution; without degrees of freedom it has no bounds."""

    estimate: float
    error: float
    df: float

    def p_above(self, value: float) -> float:
        return float(special.stdtr(self.df, (value - self.estimate) / self.error)) if self.df > 0 else 1.0

    def p_below(self, value: float) -> float:
        return float(special.stdtr(self.df, (self.estimate - value) / self.error)) if self.df > 0 else 1.0

    def lower(self, alpha: float) -> float:
        return self.estimate - self._half(alpha)

    def upper(self, alpha: float) -> float:
        return self.estimate + self._half(alpha)

    def _half(self, alpha: float) -> float:
        return -self.error * float(special.stdtrit(self.df, alpha)) if self.df > 0 else math.inf


@dataclass(frozen=True, slots=True)
class Constant:
    """A mean of equal values, whose spread the data do not show.

    A share s of the population may still differ, by `span` at most. `clusters` independent observations all miss it
    with probability (1 - s)^clusters. The bounds follow from that, as in the rule of three.
    J. Hanley and A. Lippman-Hand, "If Nothing Goes Wrong, Is Everything All Right?", JAMA 249 (1983).
    """

    estimate: float
    clusters: int
    span: float

    def p_above(self, value: float) -> float:
        return self._missed(self.estimate - value)

    def p_below(self, value: float) -> float:
        return self._missed(value - self.estimate)

    def lower(self, alpha: float) -> float:
        return self.estimate - self._reach(alpha)

    def upper(self, alpha: float) -> float:
        return self.estimate + self._reach(alpha)

    def _missed(self, distance: float) -> float:
        if distance <= 0:
            return 1.0
        return (1 - min(1.0, distance / self.span)) ** self.clusters if self.span else 0.0

    def _reach(self, alpha: float) -> float:
        return self.span * (1 - alpha ** (1 / self.clusters))
