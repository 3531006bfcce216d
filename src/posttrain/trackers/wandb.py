"""Reports to Weights & Biases, by default into files of this machine, which ``wandb sync`` uploads.

Nothing reads the last step from an offline file. A resumed stage therefore begins after the last step that the killed
process may have reported, so that no step is reported twice.
"""

import os
from collections.abc import Sequence

import wandb

from posttrain.trackers.options import WandbOptions
from posttrain.trackers.tracker import StageSummary, StepMetrics, TrackedRun


class WandbTracker:
    """A client of Weights & Biases."""

    def __init__(self, options: WandbOptions) -> None:
        self._options = options

    def start(self, run: TrackedRun) -> int:
        """Begin an offline file, or the run on the server."""
        run.folder.mkdir(parents=True, exist_ok=True)
        mode = self._options.mode or os.environ.get("WANDB_MODE", "offline")
        self._run = wandb.init(
            project=self._options.project,
            entity=self._options.entity,
            name=run.name,
            id=run.id,
            group=run.group,
            config=dict(run.config),
            dir=str(run.folder),
            mode=mode,  # pyright: ignore[reportArgumentType]
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(
                silent=True, console="off", disable_git=True, save_code=False, x_disable_stats=True, login_timeout=1
            ),
        )
        return run.attempted

    def log(self, steps: Sequence[StepMetrics]) -> None:
        """Hand the steps to W&B's own process, which writes them also after the end of this one."""
        for at in steps:
            self._run.log(dict(at.values), step=at.step)

    def finish(self, summary: StageSummary | None) -> None:
        """Write the final values and the verdicts into the run's summary, and end the run."""
        if summary is not None:
            self._run.summary.update({f"final/{name}": value for name, value in summary.figures.items()})
            self._run.summary.update({f"gates/{gate}": outcome for gate, outcome in summary.gates.items()})
        self._run.finish(exit_code=0 if summary is not None else 1)
