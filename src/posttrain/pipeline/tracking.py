"""The reports of a run's training stages to the experiment trackers that the recipe names."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from posttrain.evaluate.gates.gate_verdict import GateVerdict
from posttrain.pipeline.earlier_results import flat
from posttrain.pipeline.wiring import Run
from posttrain.recipe.stages.base import TrainingStage
from posttrain.stages.context import Figure
from posttrain.trackers.registry import open_tracker
from posttrain.trackers.reporter import Reporter
from posttrain.trackers.tracker import Setting, StageSummary, TrackedRun

SHORT_PATIENCE = 10.0
"""Seconds that a stage which was stopped waits for a tracker."""


class StageTracking:
    """The reporters of one stage, one for each tracker."""

    def __init__(self, reporters: Sequence[Reporter]) -> None:
        self._reporters = reporters

    def on_metrics(self) -> None:
        """Report the steps that are new in ``metrics.jsonl``."""
        for reporter in self._reporters:
            reporter.wake()

    def finish(self, figures: Mapping[str, Figure], verdicts: Sequence[GateVerdict]) -> None:
        """Report the final figures and verdicts of a stage that is done."""
        final = {name: figure.after for name, figure in figures.items() if figure.after is not None}
        summary = StageSummary(final, {verdict.gate: verdict.outcome for verdict in verdicts})
        for reporter in self._reporters:
            reporter.close(summary)

    def interrupt(self) -> None:
        """Report the steps of a stage that did not finish."""
        for reporter in self._reporters:
            reporter.close(None, patience=SHORT_PATIENCE)


@contextmanager
def tracked(run: Run, name: str) -> Generator[StageTracking]:
    """Report a stage while it runs. A stage that does not train, or a recipe without trackers, reports nothing."""
    tracking = StageTracking(_reporters(run, name))
    try:
        yield tracking
    except BaseException:
        tracking.interrupt()
        raise


def _reporters(run: Run, name: str) -> list[Reporter]:
    if not isinstance(run.recipe.stages[name], TrainingStage):
        return []
    folder, group = run.folder(name), run.out.resolve().name
    tracked_run = TrackedRun("", f"{group}-{name}", group, _config(run, name), folder.resolve() / "trackers")
    return [
        Reporter(
            tracker, partial(open_tracker, tracker, options), tracked_run, folder / "metrics.jsonl", run.screen.note
        )
        for tracker, options in run.recipe.trackers.chosen()
    ]


def _config(run: Run, name: str) -> dict[str, Setting]:
    """The hyper-parameters of a stage, with dotted keys; lists are text."""
    stage = run.recipe.stages[name]
    values = {"model": stage.start or run.recipe.model, "seed": run.recipe.seed, "stage": name}
    options = flat(stage.model_dump(mode="json", exclude={"gates", "model"}, exclude_none=True))
    return {key: _setting(value) for key, value in {**values, **options}.items()}


def _setting(value: object) -> Setting:
    return value if isinstance(value, str | int | float | bool) else str(value)
