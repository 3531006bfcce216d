"""`run`: a recipe's stages from Python, and their results."""

import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posttrain.api.display import Displayed, Sheet
from posttrain.api.recipes import AnyRecipe, LoadedRecipe
from posttrain.api.recipes import recipe as load
from posttrain.console import Screen
from posttrain.errors import InputError
from posttrain.pipeline.figure_cells import HEADINGS, figure_rows
from posttrain.pipeline.run import run_recipe
from posttrain.pipeline.run_directory import folder_for
from posttrain.recipe.problems import near
from posttrain.recipe.stages.base import Makes
from posttrain.stages.context import Figure
from posttrain.train.metrics_log import read_metrics
from posttrain.train.signals import graceful_stop


@dataclass(frozen=True, slots=True, repr=False)
class StageResult(Displayed):
    """The result of a stage.

    Args:
        name: the stage's name in the recipe.
        kind: its kind, such as ``sft``.
        folder: its folder in the run.
        metrics: name → `Figure` (``before``, ``after``, ``n``, ``interval``).
        makes: what it leaves: a model that answers, a model that scores, or data.
        product: the name of the file of data that it leaves in its folder; None for a stage that leaves none.
    """

    name: str
    kind: str
    folder: Path
    metrics: Mapping[str, Figure]
    makes: Makes
    product: str | None

    @property
    def model(self) -> Path:
        """The folder of its model, which transformers or peft loads.

        Raises:
            InputError: the stage leaves no model.
        """
        if self.makes == "data":
            raise InputError(f"{self.name}: a stage of kind {self.kind} leaves no model")
        return self.folder / "model"

    @property
    def data(self) -> Path:
        """The file of data that it leaves.

        Raises:
            InputError: the stage leaves none.
        """
        if self.product is None:
            raise InputError(f"{self.name}: a stage of kind {self.kind} leaves no data")
        return self.folder / self.product

    @property
    def place(self) -> Path:
        """What it leaves: its model, its data or, where there is neither, its folder."""
        return self.model if self.makes != "data" else self.folder if self.product is None else self.data

    def log(self) -> list[dict[str, Any]]:
        """The lines of ``metrics.jsonl``: one for each optimiser step and each evaluation.

        Raises:
            InputError: the stage writes none, since it does not train.
        """
        return read_metrics(self.folder / "metrics.jsonl")

    def sheet(self) -> Sheet:
        """The result as a table."""
        rows = [row[1:] for row in figure_rows("", self.metrics)]
        return Sheet(f"{self.name} ({self.kind}): {self.place}", HEADINGS[1:], rows)


@dataclass(frozen=True, repr=False)
class RunResult(Displayed, Mapping[str, StageResult]):
    """The result of a run: a mapping from each stage's name to its result.

    Args:
        folder: the run directory.
        stages: name → result, in the order in which the stages ran.
    """

    folder: Path
    stages: Mapping[str, StageResult]

    def __getitem__(self, name: str) -> StageResult:
        if name not in self.stages:
            raise KeyError(f"there is no stage {name}{near(name, self.stages)} (stages: {', '.join(self.stages)})")
        return self.stages[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.stages)

    def __len__(self) -> int:
        return len(self.stages)

    def sheet(self) -> Sheet:
        """The results as a table."""
        rows = [row for stage in self.stages.values() for row in figure_rows(stage.name, stage.metrics)]
        notes = [f"{stage.name}: {stage.place}" for stage in self.stages.values()]
        return Sheet(f"Run in {self.folder}", HEADINGS, rows, notes)


def run(
    recipe: AnyRecipe,
    out: str | Path | None = None,
    *,
    stop: Callable[[], bool] = lambda: False,
    overrides: Sequence[str] = (),
    base: str | Path | None = None,
    wait: bool = False,
    quiet: bool = False,
) -> RunResult:
    """Run a recipe's stages. Called again with the same run directory, it goes on where it stopped.

    A stage that is done with these inputs does not run again; a stage whose inputs changed starts over, and its earlier
    result is kept beside it. In the main thread a first interrupt (Ctrl-C, a notebook's stop button) ends the run at
    the next point where everything is saved.

    Args:
        recipe: a mapping, the path of a YAML file, or a loaded recipe; see `posttrain.recipe`.
        out: the run directory. If None, ``runs/`` and the path of the recipe's file, or the names of the stages.
        stop: called between steps; True ends the run with everything saved.
        overrides: see `posttrain.recipe`.
        base: see `posttrain.recipe`.
        wait: wait for people where a stage of kind ``rank`` needs them.
        quiet: print no notes and no progress.

    Raises:
        InputError: something in the recipe or its data is wrong, or a stage does not fit into memory.
        RunError: the run cannot go on, as when the loss diverges.
        GateStopped: a gate failed or stayed inconclusive; all is saved.
        Waiting: people have to rank first; all is saved.
        Stopped: the run was stopped; all is saved.
    """
    loaded = load(recipe, overrides=overrides, base=base)
    folder = Path(out) if out is not None else _default_folder(loaded)
    with _stoppable(stop) as stopping:
        summary = run_recipe(
            loaded.recipe,
            base=loaded.base,
            out=folder,
            screen=Screen(quiet=quiet),
            stop=stopping,
            wait=wait,
            file=loaded.file,
        )
    return RunResult(folder, {name: _result(loaded, name, folder, figures) for name, figures in summary.items()})


def _default_folder(loaded: LoadedRecipe) -> Path:
    return folder_for(loaded.file) if loaded.file is not None else Path("runs") / "-".join(loaded.stages)[:64]


@contextmanager
def _stoppable(stop: Callable[[], bool]) -> Generator[Callable[[], bool]]:
    """`stop`, and in the main thread (the only one that receives signals) also an interrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    with graceful_stop() as interrupted:
        yield lambda: interrupted() or stop()


def _result(loaded: LoadedRecipe, name: str, out: Path, metrics: Mapping[str, Figure]) -> StageResult:
    stage = loaded.recipe.stages[name]
    return StageResult(name, stage.kind_name() or "", out / "stages" / name, metrics, stage.makes, stage.product)
