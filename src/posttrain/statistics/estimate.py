"""Estimates: a value with its 95% interval and the number of observations behind it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from posttrain.statistics.agreement import bootstrap_interval
from posttrain.statistics.intervals import wilson

Measure = Callable[[NDArray[np.intp]], float]
"""Takes indices of items, which may repeat, and returns the measure over them; NaN where it is undefined."""

Unit = Literal["value", "share", "count", "nats"]
"""What a value is: a number on a scale of its own, a share of a whole, a whole number, or nats."""

DRAWS = 300
"""Bootstrap draws of a figure on a page: a person waits for it, so it has fewer draws than a report."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its uncertainty.

    Args:
        value: None if the data cannot give it.
        n: the number of observations behind the value.
        interval: the 95% interval; None if there are too few observations.
        unit: what the value is, which decides how it is displayed.
        counted: what `n` counts, for instance "items".
    """

    value: float | None
    n: int
    interval: tuple[float, float] | None = None
    unit: Unit = "value"
    counted: str = ""

    def as_json(self) -> dict[str, Any]:
        """``value, interval, n``, as the API and the command line write it."""
        return {"value": self.value, "interval": self.interval, "n": self.n}


def estimate_measure(measure: Measure, items: int, draws: int = DRAWS) -> Estimate:
    """A measure over all items, with its bootstrap interval."""
    value = measure(np.arange(items)) if items else math.nan
    if math.isnan(value):
        return Estimate(None, items, counted="items")
    return Estimate(value, items, bootstrap_interval(measure, items, draws=draws), counted="items")


def estimate_mean(values: Sequence[float]) -> Estimate:
    """The mean of one value per item, with its bootstrap interval."""
    array = np.array(values, dtype=np.float64)
    return estimate_measure(lambda picked: float(array[picked].mean()), len(array))


def estimate_share(count: int, n: int, *, counted: str) -> Estimate:
    """The share of `count` in `n`, with Wilson's interval."""
    if not n:
        return Estimate(None, 0, unit="share", counted=counted)
    return Estimate(count / n, n, wilson(count, n), "share", counted)
