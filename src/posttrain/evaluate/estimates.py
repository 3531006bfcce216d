"""The estimates of a suite's measures from samples: value, 95% interval, n; for all samples and for each slice."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posttrain.evaluate.measures import Better, SuiteMeasure, result_key
from posttrain.evaluate.sample import Sample
from posttrain.statistics.agreement import bootstrap_interval
from posttrain.statistics.estimate import Estimate
from posttrain.statistics.estimate import Measure as IndexMeasure
from posttrain.statistics.intervals import interval, wilson

DRAWS = 2000
"""Bootstrap draws of an interval in a result."""


@dataclass(frozen=True, slots=True)
class Result:
    """One line of a suite's results.

    Args:
        estimate: the value with its interval and n.
        better: the direction of improvement.
    """

    estimate: Estimate
    better: Better


def results_of(
    suite: str, measures: Sequence[SuiteMeasure], samples: Sequence[Sample], *, slices: bool
) -> dict[str, Result]:
    """The result of each measure, by its key: over all samples, and for each slice if there are several."""
    parts = list(dict.fromkeys(s.slice for s in samples)) if slices else []
    results: dict[str, Result] = {}
    for measure in measures:
        results[result_key(suite, measure.name, measures)] = _result(measure, samples)
        if len(parts) > 1:
            for part in parts:
                inside = [sample for sample in samples if sample.slice == part]
                results[result_key(suite, measure.name, measures, str(part))] = _result(measure, inside)
    return results


def _result(measure: SuiteMeasure, samples: Sequence[Sample]) -> Result:
    return Result(estimate_of(measure, samples), measure.better)


def estimate_of(measure: SuiteMeasure, samples: Sequence[Sample]) -> Estimate:
    """A measure of samples, with its 95% interval.

    Shares of independent samples have Wilson's interval, other means of them the normal one. Where samples depend on
    each other (several answers to a question, questions of a group) and for measures that are no mean, the interval
    is a bootstrap over the clusters. Where a share is 0 or 1 in each draw, the bootstrap would claim certainty, and the
    interval is Wilson's with the number of clusters that have the measure.
    """
    if measure.value is not None:
        pairs = [(value, s) for s in samples if (value := measure.value(s)) is not None]
        values = np.array([value for value, _ in pairs], dtype=np.float64)
        clusters = clusters_of([sample for _, sample in pairs])
        if not pairs:
            return Estimate(None, 0, unit=measure.unit, counted="answers")
        if len(clusters) == len(values):
            return Estimate(float(values.mean()), len(values), interval(values.tolist()), measure.unit, "answers")
        return _bootstrapped(lambda picked: float(values[picked].mean()), clusters, measure, len(values))
    assert measure.statistic is not None
    if not samples:
        return Estimate(None, 0, unit=measure.unit, counted="answers")
    return _bootstrapped(measure.statistic(samples), clusters_of(samples), measure, len(samples))


def clusters_of(samples: Sequence[Sample]) -> list[NDArray[np.intp]]:
    """The indices of each cluster's samples."""
    places: dict[str, list[int]] = {}
    for index, sample in enumerate(samples):
        places.setdefault(sample.cluster, []).append(index)
    return [np.array(indices, dtype=np.intp) for indices in places.values()]


def over_clusters(statistic: IndexMeasure, clusters: Sequence[NDArray[np.intp]]) -> IndexMeasure:
    """The measure as a function of indices of clusters."""
    if all(len(indices) == 1 for indices in clusters):
        places = np.concatenate(clusters)
        return lambda picked: statistic(places[picked])
    return lambda picked: statistic(np.concatenate([clusters[index] for index in picked]))


def _bootstrapped(
    statistic: IndexMeasure, clusters: Sequence[NDArray[np.intp]], measure: SuiteMeasure, n: int
) -> Estimate:
    value = statistic(np.concatenate(clusters))
    if math.isnan(value):
        return Estimate(None, n, unit=measure.unit, counted="answers")
    ends = bootstrap_interval(over_clusters(statistic, clusters), len(clusters), draws=DRAWS)
    if measure.unit == "share" and value in (0.0, 1.0) and ends == (value, value):
        counted = sum(not math.isnan(statistic(indices)) for indices in clusters)
        ends = wilson(int(value) * counted, counted)
    return Estimate(value, n, ends, measure.unit, "answers")
