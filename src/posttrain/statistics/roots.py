"""scipy's root finder with types."""

from collections.abc import Callable
from typing import Any, cast

from scipy import optimize


def root(function: Callable[[float], float], low: float, high: float) -> float:
    """The place between two ends, at which the function has opposite signs, where it is zero (Brent 1973)."""
    return float(cast(Any, optimize.brentq(function, low, high, xtol=1e-13)))
