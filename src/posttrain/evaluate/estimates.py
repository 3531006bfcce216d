"""The estimates of a suite's measures from samples: value, 95% interval, n; for all samples and for each slice."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posttrain.evaluate.measures import Better, SuiteMeasure, result_key
from posttrain.evaluate.sample import Sample
from posttrain.statistics.bootstrap import bootstrap
from posttrain.statistics.clusters import cluster_codes, mean_distribution
from posttrain.statistics.confidence import ConfidenceDistribution, two_sided
from posttrain.statistics.estimate import Estimate
from posttrain.statistics.intervals import interval


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

    Shares of independent samples have Wilson's interval, other means of them the normal one. Means of samples that
    depend on each other (several answers to a question, questions of a group) have the interval of
    `mean_distribution`, and measures that are no mean a bootstrap over the clusters, as gates have.
    """
    if measure.value is not None:
        pairs = [(value, s.cluster) for s in samples if (value := measure.value(s)) is not None]
        if not pairs:
            return Estimate(None, 0, unit=measure.unit, counted="answers")
        values, clusters = [value for value, _ in pairs], [cluster for _, cluster in pairs]
        alone = len({*clusters}) == len(values)
        ends = interval(values) if alone else interval_of(mean_distribution(values, clusters), measure)
        return Estimate(float(np.mean(values)), len(values), ends, measure.unit, "answers")
    assert measure.statistic is not None
    if not samples:
        return Estimate(None, 0, unit=measure.unit, counted="answers")
    statistic, codes_N = measure.statistic(samples), cluster_codes([s.cluster for s in samples], len(samples))
    value = statistic(np.arange(len(samples)))
    if math.isnan(value):
        return Estimate(None, len(samples), unit=measure.unit, counted="answers")
    ends = interval_of(bootstrap(statistic, codes_N), measure)
    return Estimate(value, len(samples), ends, measure.unit, "answers")


def interval_of(distribution: ConfidenceDistribution | None, measure: SuiteMeasure) -> tuple[float, float] | None:
    """The 95% interval of a distribution, within the range of a share if the measure is one."""
    ends = None if distribution is None else two_sided(distribution)
    if ends is None or measure.unit != "share":
        return ends
    return max(0.0, ends[0]), min(1.0, ends[1])
