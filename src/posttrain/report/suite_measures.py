"""The measures of a suite as its recipe defines them, applied to saved answers."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from posttrain.evaluate.measures import SuiteMeasure, mean_of
from posttrain.evaluate.sample import OLD_VALUE, Sample
from posttrain.evaluate.suites.registry import Suite, suite_kind
from posttrain.report.results import ResultLine

_SUITE: TypeAdapter[Any] = TypeAdapter(Suite)


def measure_of(line: ResultLine, options: Mapping[str, Any] | None, samples: list[Sample]) -> SuiteMeasure | None:
    """The measure behind a result; None if this version cannot compute it from the samples.

    Args:
        options: the suite's part of the recipe.
    """
    if line.better is None:
        return mean_of(OLD_VALUE, better="neither", unit=line.estimate.unit)
    name = line.key.measure
    try:
        suite = _SUITE.validate_python(dict(options or {}))
        measures = suite_kind(suite).measures(suite)
        return next(measure for measure in measures if name in (None, measure.name))
    except (ValidationError, StopIteration):  # a suite of another version
        known = {key: None for sample in samples for key in sample.values}
        name = name or (next(iter(known)) if len(known) == 1 else None)
        return mean_of(name, better=line.better, unit=line.estimate.unit) if name in known and name else None


def main_measure(suite: str, lines: Mapping[Any, ResultLine]) -> ResultLine | None:
    """The first result over all questions of a suite, or its first one."""
    own = [line for line in lines.values() if line.key.suite == suite]
    return next((line for line in own if line.key.part is None), own[0] if own else None)
