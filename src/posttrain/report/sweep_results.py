"""What a sweep found: its runs, their figures, the paired tests between them, and the sentence about them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from posttrain.report.changes import ResultChange
from posttrain.report.record import RunRecord
from posttrain.report.wording import counted, interval_text, number_text, p_text, signed_interval, signed_text
from posttrain.statistics.estimate import Estimate

SENTENCES = 3
"""The most differences that the sentence names."""


@dataclass(frozen=True, slots=True)
class SweepRun:
    """One run of a sweep.

    Args:
        name: of its folder.
        label: its values, short.
        values: key path → value as text.
        state: how it ended; "done" if every stage is done and every gate passed.
        record: None if it wrote nothing.
    """

    name: str
    label: str
    values: Mapping[str, str]
    state: str
    record: RunRecord | None


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A figure of a stage over all runs; None where a run does not have it."""

    stage: str
    metric: str
    estimates: tuple[Estimate | None, ...]

    @property
    def cells(self) -> list[str]:
        """The value and its interval in each run."""
        return [_cell(estimate) for estimate in self.estimates]


@dataclass(frozen=True, slots=True)
class PairTest:
    """A result of two runs on the same questions.

    Args:
        change: from the first run to the second one; its p-value is corrected for all pairs and results of the sweep.
    """

    first: str
    second: str
    stage: str
    change: ResultChange

    @property
    def shown(self) -> bool:
        """Whether the difference exceeds noise."""
        return self.change.sign in ("better", "worse", "rose", "fell")

    @property
    def cells(self) -> tuple[str, ...]:
        """The pair, the result, the difference, its interval, n, p and the verdict."""
        unit, test = self.change.after.estimate.unit, self.change.test
        assert test is not None
        assert self.change.p is not None
        return (
            f"{self.first} → {self.second}",
            self.change.after.key.label,
            signed_text(test.difference, unit),
            signed_interval(test.interval, unit),
            f"{test.n:,}",
            p_text(self.change.p),
            f"{self.change.sign}" if self.shown else "not shown",
        )


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What a sweep shows.

    Args:
        shared: stages that are the same in all runs.
    """

    runs: tuple[SweepRun, ...]
    shared: tuple[str, ...]
    rows: tuple[FigureRow, ...]
    tests: tuple[PairTest, ...]

    @property
    def sentence(self) -> str:
        """Which differences exceed noise."""
        if not self.tests:
            return (
                "No difference can be tested: no two runs have saved answers of the same stage to the same suite. "
                "Intervals that overlap, or do not, are no test."
            )
        count = counted(len(self.tests), "paired test")
        shown = [_shown(test) for test in self.tests if test.shown]
        if not shown:
            return f"No difference between values exceeds noise ({count} of saved answers, Holm's correction, 5%)."
        more = (
            f". {counted(len(shown) - SENTENCES, 'further difference')} in the table" if len(shown) > SENTENCES else ""
        )
        rest = f"Other differences do not exceed noise ({count}, Holm's correction, 5%)."
        return f"{'. '.join(shown[:SENTENCES])}{more}. {rest}"

    def as_json(self) -> dict[str, Any]:
        """The contents of ``sweep.json``."""
        figures = [
            {"stage": row.stage, "metric": row.metric, "values": [e and e.as_json() for e in row.estimates]}
            for row in self.rows
        ]
        names = ("pair", "result", "difference", "interval", "n", "p", "verdict")
        return {
            "runs": [{"name": run.name, "values": dict(run.values), "state": run.state} for run in self.runs],
            "shared": list(self.shared),
            "figures": figures,
            "tests": [dict(zip(names, test.cells, strict=True)) for test in self.tests],
            "sentence": self.sentence,
        }


def _shown(test: PairTest) -> str:
    pair, label, difference, interval, _, p, verdict = test.cells
    return f"{label}: {pair} is {verdict} by {difference} ({interval}, p {p})"


def _cell(estimate: Estimate | None) -> str:
    if estimate is None:
        return "–"
    ends = f" ({interval_text(estimate.interval, estimate.unit)})" if estimate.interval is not None else ""
    return f"{number_text(estimate.value, estimate.unit)}{ends}"
