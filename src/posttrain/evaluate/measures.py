"""Measures: what a suite reports of its samples. Each is a pure function of samples, so saved ones give it again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from posttrain.evaluate.sample import Sample
from posttrain.statistics.estimate import Measure as IndexMeasure
from posttrain.statistics.estimate import Unit

Better = Literal["higher", "lower", "neither"]
"""The direction of improvement; "neither" for a figure that only describes."""

SampleValue = Callable[[Sample], float | None]
"""The value of one sample; None where the measure does not apply to it."""
Statistic = Callable[[Sequence[Sample]], IndexMeasure]
"""Samples → the measure over any of their indices, as a bootstrap needs it."""


@dataclass(frozen=True, slots=True)
class SuiteMeasure:
    """One line of a suite's results.

    Args:
        name: of the measure, such as ``over_refusal``.
        better: the direction of improvement.
        value: gives one number a sample; the measure is their mean. None if it has a statistic instead.
        statistic: a measure of a set of samples that is no mean, such as macro-F1.
        unit: of the measure.
    """

    name: str
    better: Better
    value: SampleValue | None = None
    statistic: Statistic | None = None
    unit: Unit = "share"


def mean_of(name: str, *, better: Better = "higher", unit: Unit = "share") -> SuiteMeasure:
    """The mean of the samples' value of this name."""
    return SuiteMeasure(name, better, value=lambda sample: sample.values.get(name), unit=unit)


def suite_of(key: str) -> str:
    """The suite that a result's name belongs to."""
    return key.partition("[")[0].partition("/")[0]


def result_key(suite: str, measure: str, measures: Sequence[SuiteMeasure], part: str | None = None) -> str:
    """The name of a result: ``suite`` if the suite has one measure, else ``suite/measure``; ``[slice]`` behind it."""
    name = suite if len(measures) == 1 else f"{suite}/{measure}"
    return name if part is None else f"{name}[{part}]"
