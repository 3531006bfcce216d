"""The protocol of experiment trackers, and the data that they receive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

Setting = str | int | float | bool


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """One training stage as a run of a tracker.

    Args:
        id: unique; a resumed stage has the same id.
        name: the run's name, such as ``demo-sft``.
        group: the name of the posttrain run.
        config: the hyper-parameters, with dotted keys.
        folder: for the tracker's own files; an absolute path, since trackers have processes of their own.
        reported: the last step that an earlier process has reported for certain; 0 if there is none.
        attempted: the last step that an earlier process may have reported; it is larger than `reported` if the process
            was killed while it reported.
    """

    id: str
    name: str
    group: str
    config: Mapping[str, Setting]
    folder: Path
    reported: int = 0
    attempted: int = 0


@dataclass(frozen=True, slots=True)
class StepMetrics:
    """All metrics of one step: those of training, and held-out ones if the step was evaluated.

    Args:
        time: seconds since 1970, UTC.
    """

    step: int
    time: float
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class StageSummary:
    """The final results of a stage.

    Args:
        figures: metric → final value.
        gates: gate → outcome.
    """

    figures: Mapping[str, float] = field(default_factory=dict[str, float])
    gates: Mapping[str, str] = field(default_factory=dict[str, str])


class Tracker(Protocol):
    """A client of an experiment tracker. One thread calls its methods in order; each of them may be slow or fail."""

    def start(self, run: TrackedRun) -> int:
        """Create the run, or open it again if a run of this id exists.

        Returns:
            the last step that needs no report: `log` gets the steps after it.
        """
        ...

    def log(self, steps: Sequence[StepMetrics]) -> None:
        """Report steps. When it returns, they outlive the end of this process."""
        ...

    def finish(self, summary: StageSummary | None) -> None:
        """Close the run.

        Args:
            summary: None if the stage did not finish.
        """
        ...
