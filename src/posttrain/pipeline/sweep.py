"""A sweep: one run for each combination of values. Stages with the same inputs run once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from posttrain.console import Screen, format_duration, printable_text
from posttrain.errors import GateStopped, InputError, RunError, Waiting, first_line
from posttrain.files import hash_of
from posttrain.pipeline.plan import plan_recipe
from posttrain.pipeline.run import run_recipe
from posttrain.pipeline.run_directory import locked
from posttrain.recipe.schema import Recipe, made_by_stages
from posttrain.recipe.sweep import SweepPoint

SWEEP = "sweep"
"""The folder of a sweep in a run directory."""

Points = Sequence[tuple[SweepPoint, Recipe]]

WORST_FIRST = (RunError, InputError, GateStopped, Waiting)
"""Problems of a run, in the order in which they decide about the exit code of the sweep."""


@dataclass(frozen=True, slots=True)
class PointOutcome:
    """How a run of a sweep ended.

    Args:
        folder: of the run.
        problem: the exception that ended it; None if every stage is done and every gate passed.
    """

    point: SweepPoint
    folder: Path
    problem: Exception | None

    @property
    def state(self) -> str:
        """How it ended, in a few words."""
        match self.problem:
            case None:
                return "done"
            case GateStopped():
                return "a gate did not pass"
            case Waiting():
                return "people have to rank first"
            case _:
                return first_line(self.problem)


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """The size of a sweep.

    Args:
        runs: the number of runs.
        stages: the number of stages to run.
        shared: the number of stages that are taken from another run.
        seconds: the time of all stages, by order of magnitude; None if it is not known of any.
        unknown: the number of stages whose time is not known before the run.
    """

    runs: int
    stages: int
    shared: int
    seconds: float | None
    unknown: int

    @property
    def sentence(self) -> str:
        """The size for people."""
        unknown = f"; not known of {self.unknown} of the stages" if self.unknown else ""
        return (
            f"{self.runs} runs with {self.stages} stages to run; {self.shared} more are shared between runs. "
            f"Time: {format_duration(self.seconds)} (order of magnitude{unknown})"
        )


def run_sweep(
    points: Points,
    *,
    base: Path,
    out: Path,
    screen: Screen,
    stop: Callable[[], bool],
    wait: bool,
    file: Path,
    start_over: Callable[[], bool],
    keep_going: bool,
) -> list[PointOutcome]:
    """Run every point in ``OUT/sweep/NAME``. A run that fails is recorded, and the next one begins.

    Raises:
        InputError: another process runs this sweep.
        Stopped: the user requested a stop; the same call goes on.
    """
    folders = {point.name: out / SWEEP / point.name for point, _ in points}
    outcomes: list[PointOutcome] = []
    with locked(out / SWEEP):
        for number, (point, recipe) in enumerate(points, start=1):
            folder, problem = folders[point.name], None
            screen.title(f"run {number} of {len(points)}: {', '.join(point.overrides)}")
            try:
                run_recipe(
                    recipe,
                    base=base,
                    out=folder,
                    screen=screen,
                    stop=stop,
                    wait=wait,
                    file=file,
                    start_over=start_over,
                    keep_going=keep_going,
                    shared=[other for other in folders.values() if other != folder],
                )
            except WORST_FIRST as error:
                screen.note(printable_text(f"{point.name}: {error}"))
                problem = error
            outcomes.append(PointOutcome(point, folder, problem))
    return outcomes


def raise_worst(outcomes: Sequence[PointOutcome]) -> None:
    """End the command with the worst problem of all runs, if there is one.

    Raises:
        RunError, InputError, GateStopped, Waiting: see there.
    """
    for kind in WORST_FIRST:
        ended = [outcome for outcome in outcomes if isinstance(outcome.problem, kind)]
        if ended:
            lines = "".join(f"\n  {outcome.point.name}: {outcome.state}" for outcome in ended)
            raise kind(f"{len(ended)} of {len(outcomes)} runs of the sweep did not end well:{lines}")


def plan_sweep(points: Points, base: Path, screen: Screen) -> SweepPlan:
    """Count the stages of a sweep, and estimate its time."""
    seconds: dict[str, float | None] = {}
    for point, recipe in points:
        screen.note(f"planning {point.name}")
        for plan in plan_recipe(recipe, base, Screen(quiet=True)):
            seconds[_chain(recipe, plan.stage)] = plan.seconds
    known = [value for value in seconds.values() if value is not None]
    return SweepPlan(
        runs=len(points),
        stages=len(seconds),
        shared=sum(len(recipe.stages) for _, recipe in points) - len(seconds),
        seconds=sum(known) if known else None,
        unknown=len(seconds) - len(known),
    )


def _chain(recipe: Recipe, name: str) -> str:
    """A hash of a stage's options and of all stages that it depends on."""
    stage = recipe.stages[name]
    used = [stage.start or recipe.model, *(other.name for other in stage.others), *made_by_stages(recipe, name)]
    before = [_chain(recipe, other) if other in recipe.stages else other for other in used]
    suites = {key: suite.model_dump(mode="json") for key, suite in recipe.suites.items()}
    return hash_of([name, stage.model_dump(mode="json"), before, recipe.seed, suites])
