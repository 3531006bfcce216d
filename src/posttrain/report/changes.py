"""What changed from one model to another: each result before and after, with a paired test of the saved answers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from posttrain.evaluate.comparison import compare_samples
from posttrain.evaluate.sample import Sample
from posttrain.report.record import RunRecord, StageRecord
from posttrain.report.results import ModelResults, ResultLine
from posttrain.report.suite_measures import measure_of
from posttrain.statistics.holm import holm
from posttrain.statistics.paired import PairedComparison

Sign = Literal["better", "worse", "rose", "fell", "undecided", "not tested", "new"]
"""The sign of a change: "rose" and "fell" where the direction of improvement is not recorded or there is none."""

LEVEL = 0.05
"""A change is shown as one if its corrected p-value is at most this."""

DRAWS = 999
"""Permutations and bootstrap draws of a measure that is no mean."""


@dataclass(frozen=True, slots=True)
class ResultChange:
    """One result before and after.

    Args:
        before: None if the model before was not measured.
        test: the paired comparison of the saved answers; None if they cannot be paired.
        p: of the comparison, corrected for the number of comparisons in the same table.
    """

    before: ResultLine | None
    after: ResultLine
    test: PairedComparison | None
    p: float | None = None

    @property
    def difference(self) -> float | None:
        """After - before, over the paired answers where there are some."""
        if self.test is not None:
            return self.test.difference
        values = (self.before.estimate.value if self.before else None, self.after.estimate.value)
        return None if values[0] is None or values[1] is None else values[1] - values[0]

    @property
    def sign(self) -> Sign:
        """What the change is."""
        if self.before is None:
            return "new"
        if self.p is None or self.difference is None:
            return "not tested"
        if self.p > LEVEL:
            return "undecided"
        rose = self.difference > 0
        if self.after.better in ("higher", "lower"):
            return "better" if rose == (self.after.better == "higher") else "worse"
        return "rose" if rose else "fell"


def stage_changes(run: RunRecord, stage: StageRecord) -> list[ResultChange]:
    """The results of a stage against those of the model that it started from."""
    if stage.results is None:
        return []
    return changes_between(run.results_before(stage), stage.results, run.recipe.get("suites", {}))


def changes_between(
    before: ModelResults | None, after: ModelResults, suites: Mapping[str, Any], *, shared_only: bool = False
) -> list[ResultChange]:
    """Every result of a model against the same one of another model, with p-values corrected by Holm's method.

    Args:
        suites: name → the suite's part of the recipe.
        shared_only: leave out results that only one of them has.
    """
    earlier = {} if before is None else before.lines
    saved = {name: _both(before, after, name) for name in dict.fromkeys(key.suite for key in after.lines)}
    found = [
        ResultChange(earlier.get(key), line, _compared(line, *saved[key.suite], suites.get(key.suite)))
        for key, line in after.lines.items()
        if key in earlier or not shared_only
    ]
    return with_corrected_p(found)


def with_corrected_p(changes: Sequence[ResultChange]) -> list[ResultChange]:
    """The changes with p-values corrected for their number."""
    tested = [change.test.p_two_sided for change in changes if change.test is not None]
    p_values = iter(holm(tested))
    return [change if change.test is None else replace(change, p=next(p_values)) for change in changes]


def _both(before: ModelResults | None, after: ModelResults, suite: str) -> tuple[list[Sample], list[Sample]]:
    """The saved answers to the same questions, in the same order."""
    earlier = {sample.key: sample for sample in (before.samples_of(suite) if before else ())}
    pairs = [(earlier[sample.key], sample) for sample in after.samples_of(suite) if sample.key in earlier]
    same = [(b, a) for b, a in pairs if b.question == a.question]
    return [b for b, _ in same], [a for _, a in same]


def _compared(
    line: ResultLine, before: list[Sample], after: list[Sample], options: Mapping[str, Any] | None
) -> PairedComparison | None:
    measure = measure_of(line, options, after)
    part = line.key.part
    if measure is None:
        return None
    inside = [[s for s in samples if part is None or str(s.slice) == part] for samples in (before, after)]
    comparison, _ = compare_samples(measure, *inside, draws=DRAWS)
    return None if comparison is None or math.isnan(comparison.difference) else comparison
