"""Holm's correction of p-values for several tests at once."""

from bisect import bisect_right
from collections.abc import Sequence

Levels = Sequence[float]
"""The smallest p-values that a test can give, ascending; above the last one, any p-value is possible."""


def holm(p_values: Sequence[float], levels: Sequence[Levels] | None = None) -> list[float]:
    """Adjusted p-values, in the order of `p_values`: those of at most alpha are rejected with familywise error alpha.

    The k-th smallest p-value is multiplied by the number of tests that are left, and never falls below the one before.
    S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6 (1979).

    Args:
        levels: the smallest p-values that each test can give. Few differing pairs give few p-values: four losses of
            four pairs have 1/16, and nothing lies below. A test that is left then counts with its largest p-value
            that is not above the one at hand, or with 0 if it has none, instead of with the one at hand itself. The
            familywise error stays at most alpha, because a test without an effect gives a p-value up to t with
            probability P(t), which is its largest p-value up to t at most. R. Tarone, "A Modified Bonferroni Method
            for Discrete Data", Biometrics 46 (1990); P. Westfall and R. Wolfinger, "Multiple Tests with Discrete
            Distributions", The American Statistician 51 (1997).
    """
    known = [()] * len(p_values) if levels is None else levels
    order = sorted(range(len(p_values)), key=lambda test: p_values[test])
    adjusted, last = [0.0] * len(p_values), 0.0
    for rank, test in enumerate(order):
        p = p_values[test]
        others = sum(_largest_up_to(p, known[other]) for other in order[rank + 1 :])
        last = max(last, min(1.0, p + others))
        adjusted[test] = last
    return adjusted


def _largest_up_to(p: float, levels: Levels) -> float:
    """The largest p-value up to `p` that the test can give; 0 if there is none."""
    p_rounded = p * (1 + 1e-9)
    if not levels or p_rounded >= levels[-1]:
        return p
    place = bisect_right(levels, p_rounded)
    return levels[place - 1] if place else 0.0
