"""Reports to TensorBoard's event files.

TensorBoard itself removes the steps of a killed process that are reported again: an event file that begins with a
``purge_step`` hides all earlier events at that step or later.
"""

from collections.abc import Sequence

from torch.utils.tensorboard.writer import SummaryWriter

from posttrain.trackers.options import TensorboardOptions
from posttrain.trackers.tracker import StageSummary, StepMetrics, TrackedRun


class TensorboardTracker:
    """A writer of event files."""

    def __init__(self, options: TensorboardOptions) -> None:
        self._run: TrackedRun | None = None
        self._last = 0

    def start(self, run: TrackedRun) -> int:
        """Begin an event file after the last step that is certainly in an earlier one."""
        resumed = run.attempted > 0
        folder = run.folder / "tensorboard"
        self._run, self._last = run, run.reported
        self._writer = SummaryWriter(str(folder), purge_step=run.reported + 1 if resumed else None)
        if not resumed:
            lines = (f"    {key}: {value}" for key, value in run.config.items())
            self._writer.add_text("config", "\n".join(lines), 0)
        return run.reported

    def log(self, steps: Sequence[StepMetrics]) -> None:
        """Write the scalars, and flush the file."""
        for at in steps:
            for name, value in at.values.items():
                self._writer.add_scalar(name, value, at.step, walltime=at.time)
            self._last = at.step
        self._writer.flush()

    def finish(self, summary: StageSummary | None) -> None:
        """Write the final values beside the hyper-parameters (the tab HPARAMS), and the verdicts of gates as text."""
        if summary is not None and self._run is not None:
            final = {f"final/{name}": value for name, value in summary.figures.items()}
            self._writer.add_hparams(dict(self._run.config), final, run_name=".")
            for gate, outcome in summary.gates.items():
                self._writer.add_text(f"gates/{gate}", outcome, self._last)
        self._writer.close()
