"""Two models on one suite: each measure compared, answer by answer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from posttrain.evaluate.comparison import compare_samples
from posttrain.evaluate.measures import SuiteMeasure, result_key
from posttrain.evaluate.sample import Sample
from posttrain.statistics.estimate import Unit
from posttrain.statistics.holm import holm
from posttrain.statistics.paired import PairedComparison


@dataclass(frozen=True, slots=True)
class MeasureComparison:
    """One measure of both models.

    Args:
        key: of the result: ``suite/measure[slice]``.
        better: the direction of improvement.
        a, b: the values of both models over the same answers; None if the measure applies to none.
        difference: A - B with its interval and test; None if there is nothing to compare.
        p_holm: its two-sided p-value after Holm's correction over all rows of the comparison.
    """

    key: str
    better: str
    unit: Unit
    a: float | None
    b: float | None
    difference: PairedComparison | None
    p_holm: float = 1.0

    def as_json(self) -> dict[str, Any]:
        """The line of ``comparison.json``."""
        row: dict[str, Any] = {"key": self.key, "better": self.better, "unit": self.unit, "a": self.a, "b": self.b}
        found = self.difference
        if found is None:
            return {**row, "difference": None, "interval": None, "n": 0, "clusters": 0, "p": None, "p_holm": None}
        return {
            **row,
            **{"difference": found.difference, "interval": found.interval, "n": found.n, "clusters": found.clusters},
            **{"p": found.p_two_sided, "p_holm": self.p_holm, "test": found.test},
        }


def compare_on_suite(
    suite: str, measures: Sequence[SuiteMeasure], a: Sequence[Sample], b: Sequence[Sample], *, slices: bool, seed: int
) -> list[MeasureComparison]:
    """Each measure over all answers, and over each slice if there are several; without Holm's correction.

    Args:
        a, b: the samples of model A and model B.
    """
    parts = list(dict.fromkeys(sample.slice for sample in a)) if slices else []
    return [*_rows(suite, measures, a, b, parts if len(parts) > 1 else [], seed)]


def with_holm(rows: Sequence[MeasureComparison]) -> list[MeasureComparison]:
    """The rows with p-values corrected for their number."""
    tests = [row.difference for row in rows if row.difference is not None]
    corrected = iter(holm([test.p_two_sided for test in tests]))
    return [
        row
        if row.difference is None
        else MeasureComparison(row.key, row.better, row.unit, row.a, row.b, row.difference, next(corrected))
        for row in rows
    ]


def _rows(
    suite: str,
    measures: Sequence[SuiteMeasure],
    a: Sequence[Sample],
    b: Sequence[Sample],
    parts: Sequence[str | None],
    seed: int,
) -> Iterator[MeasureComparison]:
    for measure in measures:
        for part in ("", *parts):
            inside = [s for s in a if part == "" or s.slice == part], [s for s in b if part == "" or s.slice == part]
            difference, (before, after) = compare_samples(measure, inside[1], inside[0], seed=seed)
            key = result_key(suite, measure.name, measures, None if part == "" else str(part))
            yield MeasureComparison(key, measure.better, measure.unit, after, before, difference)
