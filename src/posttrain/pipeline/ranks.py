"""A run of several processes: the main one runs the pipeline, and calls the others to the work that they share."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posttrain.errors import InputError
from posttrain.evaluate.options import SuiteOptions
from posttrain.files import write_whole
from posttrain.pipeline.earlier_results import MODE
from posttrain.ranks.exchange import gathered, on_main
from posttrain.ranks.group import group_size, is_main, local_size, lost_ranks, parallel
from posttrain.recipe.stages.base import StageOptions, TrainingStage
from posttrain.stages.context import Context, Figure
from posttrain.stages.fits import with_parallel
from posttrain.stages.runner import runner_of

TOKEN = ".ranks"
"""The file in the run directory by which the ranks see that they share it."""


Work = Callable[[Any, Context], dict[str, Figure]]
"""A function of (options of a stage, context). It is one of a module, so that pickle can send it by its name."""


@dataclass(frozen=True, slots=True)
class _Call:
    """What the main process sends to the other ranks, so that they work with it; see `Context`."""

    work: Work
    stage: StageOptions
    name: str
    folder: Path
    base: Path
    model: str
    seed: int
    models: Mapping[str, str]
    suites: Mapping[str, SuiteOptions]


def run_on_ranks(stage: StageOptions, context: Context) -> dict[str, Figure]:
    """Run a stage on the main process; the other ranks join in if the stage is made for that."""
    stage = _decided(stage, context)
    if group_size() == 1 or not runner_of(stage).parallel:
        return _run(stage, context)
    if isinstance(stage, TrainingStage) and stage.in_shards:
        among = local_size() if stage.parallel == "hybrid" else group_size()
        context.screen.note(f"weights, gradients and moments are divided among {among} processes")
    return on_all_ranks(_run, stage, context)


def _run(stage: StageOptions, context: Context) -> dict[str, Figure]:
    return runner_of(stage).run(stage, context)


def on_all_ranks(work: Work, stage: StageOptions, context: Context) -> dict[str, Figure]:
    """Do some work of a stage on all ranks together; the result of the main process."""
    if group_size() == 1:
        return work(stage, context)
    call = _Call(
        work,
        stage,
        context.name,
        context.folder.resolve(),
        context.base.resolve(),
        _absolute(context.model),
        context.seed,
        {name: _absolute(model) for name, model in context.models.items()},
        context.suites,
    )
    with parallel(), lost_ranks():
        on_main(lambda: call)
        return work(stage, context)


def _decided(stage: StageOptions, context: Context) -> StageOptions:
    """The stage with ``parallel: auto`` decided, once for all tries to run it: memory that other programs take for a
    while does not change how it goes on."""
    if not isinstance(stage, TrainingStage) or stage.parallel != "auto" or context.ranks.total == 1:
        return with_parallel(stage, context)
    record = context.folder / MODE
    if record.is_file() and (mode := record.read_text().strip()) in ("replicate", "hybrid", "shard"):
        return stage.model_copy(update={"parallel": mode})
    stage = with_parallel(stage, context)
    write_whole(record, f"{stage.parallel}\n")
    return stage


def _absolute(model: str) -> str:
    """The whole path of a model's folder; a hub id unchanged."""
    return str(Path(model).resolve()) if Path(model).is_dir() else model


def follow(folder: Path, stop: Callable[[], bool]) -> None:
    """The work of every rank but the main one: join in the work to which the main process calls, until it ends.

    Args:
        folder: the run directory.
        stop: whether the user requested a stop.
    """
    check_shared(folder)
    with parallel(), lost_ranks():
        while (call := on_main(_nothing)) is not None:
            context = Context(
                call.name, call.folder, call.base, call.model, call.seed, call.models, call.suites, stop=stop
            )
            call.work(call.stage, context)


def _nothing() -> _Call | None:
    return None


def end_ranks() -> None:
    """Send the other ranks home."""
    if group_size() > 1:
        with parallel():
            on_main(_nothing)


def check_shared(folder: Path) -> None:
    """Check that every rank sees the run directory. All ranks call this at the start.

    Raises:
        InputError: a rank does not see what the main process writes there.
    """
    if group_size() == 1:
        return
    with parallel():
        word = on_main(lambda: _left(folder))
        seen = (folder / TOKEN).is_file() and (folder / TOKEN).read_text() == word
        blind = [str(number) for number, sees in enumerate(gathered(seen)) if not sees]
    if is_main():
        (folder / TOKEN).unlink(missing_ok=True)
    if blind:
        raise InputError(
            f"{folder}: rank {', '.join(blind)} does not see this folder as rank 0 does; choose a run directory with "
            "--out that all machines share"
        )


def _left(folder: Path) -> str:
    word = uuid.uuid4().hex
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / TOKEN, word)
    return word
