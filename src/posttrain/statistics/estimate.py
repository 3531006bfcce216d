"""Figures as the dashboard and the command line show them: a value with its 95% interval and how many it rests on."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posttrain.statistics.agreement import bootstrap_interval
from posttrain.statistics.intervals import wilson

Figure = dict[str, Any]
"""``value, interval, n``; a value that the data cannot give is None."""

Measure = Callable[[NDArray[np.intp]], float]
"""Of the items at these indices, some of them more than once; NaN where it is undefined."""

DRAWS = 300
"""Of the bootstrap, where a page waits for it."""


def measured(measure: Measure, items: int, draws: int = DRAWS) -> Figure:
    """A measure over all items, with its bootstrap interval."""
    value = measure(np.arange(items)) if items else math.nan
    if math.isnan(value):
        return {"value": None, "interval": None, "n": items}
    return {"value": value, "interval": bootstrap_interval(measure, items, draws=draws), "n": items}


def mean_of(values: Sequence[float]) -> Figure:
    """A mean with its bootstrap interval, one value an item."""
    array = np.array(values, dtype=np.float64)
    return measured(lambda picked: float(array[picked].mean()), len(array))


def share_of(count: int, n: int) -> Figure:
    """A share with Wilson's interval."""
    return {"value": count / n if n else None, "interval": wilson(count, n) if n else None, "n": n}
