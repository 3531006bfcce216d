"""Power of paired shares: how many items a loss needs to be seen, and which loss a number of items can show.

`discordance` is the share of items on which the two models differ: losses + gains. `loss` is losses - gains.
`churn` is the discordance of two models of equal quality; a loss adds to it.
"""

from functools import lru_cache
from math import ceil
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from posttrain.statistics.roots import root

Sides = Literal[1, 2]


def mcnemar_power(items: int, loss: float, discordance: float, *, alpha: float = 0.05, sides: Sides = 1) -> float:
    """The exact probability that McNemar's exact test shows a loss.

    The number of differing pairs is binomial, and so is the number of losses among them.

    Raises:
        ValueError: the loss is not between 0 and the discordance, or the discordance is above 1.
    """
    if not 0 <= loss <= discordance <= 1:
        raise ValueError(f"a loss of {loss} cannot have a discordance of {discordance}")
    if discordance == 0:
        return 0.0
    pairs = np.arange(items + 1)
    shares = stats.binom.pmf(pairs, items, discordance)
    critical = _critical(items, alpha / sides)
    shown = stats.binom.sf(critical - 1, pairs, (discordance + loss) / (2 * discordance))
    return float((shares * np.where(critical <= pairs, shown, 0.0)).sum())


def connor_items(loss: float, discordance: float, *, alpha: float = 0.05, power: float = 0.8, sides: Sides = 1) -> int:
    """The items that McNemar's test needs by the normal approximation; the exact test needs more.

    (z_alpha sqrt(discordance) + z_beta sqrt(discordance - loss^2))^2 / loss^2. R. Connor, "Sample Size for Testing
    Differences in Proportions for the Paired-Sample Design", Biometrics 43 (1987).
    """
    z_alpha, z_beta = float(stats.norm.isf(alpha / sides)), float(stats.norm.ppf(power))
    root = z_alpha * discordance**0.5 + z_beta * max(0.0, discordance - loss**2) ** 0.5
    return ceil(root**2 / loss**2)


def items_for_loss(
    loss: float, discordance: float, *, alpha: float = 0.05, power: float = 0.8, sides: Sides = 1
) -> int:
    """The fewest items with which McNemar's exact test shows the loss with this power.

    Raises:
        ValueError: as for `mcnemar_power`; or the loss is 0.
    """
    if loss <= 0:
        raise ValueError("no number of items can show a loss of 0")

    def enough(items: int) -> bool:
        return mcnemar_power(items, loss, discordance, alpha=alpha, sides=sides) >= power

    high = connor_items(loss, discordance, alpha=alpha, power=power, sides=sides)
    low = 0
    while not enough(high):
        low, high = high, ceil(high * 1.25) + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def detectable_loss(
    items: int, churn: float, *, alpha: float = 0.05, power: float = 0.8, sides: Sides = 1
) -> float | None:
    """The smallest loss that McNemar's exact test shows with this power; None if it misses every loss."""

    def short(loss: float) -> float:
        return mcnemar_power(items, loss, churn + loss, alpha=alpha, sides=sides) - power

    most = 1 - churn
    if items < 1 or short(most) < 0:
        return None
    return root(short, 0.0, most)


@lru_cache(maxsize=64)
def _critical(items: int, alpha: float) -> NDArray[np.int64]:
    """The fewest losses among 0, 1, ..., `items` differing pairs that are significant; pairs + 1 if none is."""
    pairs = np.arange(items + 1)
    critical = stats.binom.isf(alpha, pairs, 0.5).astype(np.int64) + 1
    lower = stats.binom.sf(critical - 2, pairs, 0.5) <= alpha  # P(X >= critical - 1)
    critical = np.where(lower, critical - 1, critical)
    return np.where(stats.binom.sf(critical - 1, pairs, 0.5) <= alpha, critical, pairs + 1)
