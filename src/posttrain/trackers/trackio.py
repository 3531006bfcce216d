"""Reports to trackio. Its store shows the last step that it has, so a killed process leaves no doubt."""

from collections.abc import Sequence

import trackio
import trackio.run
import trackio.utils

from posttrain.trackers.options import TrackioOptions
from posttrain.trackers.tracker import StageSummary, StepMetrics, TrackedRun


def _no_print(*_: object, **__: object) -> None:
    """Takes the place of `print` in trackio, which prints on standard output; that is for results."""


for _module in (trackio, trackio.run, trackio.utils):
    vars(_module)["print"] = _no_print


class TrackioTracker:
    """A client of trackio."""

    def __init__(self, options: TrackioOptions) -> None:
        self._options = options
        self._last = 0

    def start(self, run: TrackedRun) -> int:
        """Create the run, or open it again; trackio finds runs by their names, so the name holds the id."""
        self._run = trackio.init(
            self._options.project,
            name=f"{run.name}-{run.id[:8]}",
            group=run.group,
            space_id=self._options.space,
            config=dict(run.config),
            resume="allow",
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )
        following = getattr(self._run, "_next_step", None)  # the step after the last one in the store
        self._last = run.attempted if following is None else max(0, following - 1)
        return self._last

    def log(self, steps: Sequence[StepMetrics]) -> None:
        """Report the steps; a thread of trackio stores them within a second."""
        for at in steps:
            self._run.log(dict(at.values), step=at.step)
            self._last = at.step

    def finish(self, summary: StageSummary | None) -> None:
        """Report the final values and the verdicts with the last step, and end the run."""
        if summary is not None:
            final = {f"final/{name}": value for name, value in summary.figures.items()}
            self._run.log(
                final | {f"gates/{gate}": outcome for gate, outcome in summary.gates.items()}, step=self._last
            )
        self._run.finish()
