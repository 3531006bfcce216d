"""Run a recipe's stages in order; what is done already with the same inputs is not done again."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from posttrain.console import Screen, printable_text
from posttrain.errors import InputError, Stopped
from posttrain.evaluate.gates.gate_verdict import GateVerdict
from posttrain.files import write_json
from posttrain.library_log import library_log
from posttrain.pipeline.earlier_results import changes, finished, has_work, started_with, strangers
from posttrain.pipeline.gates import check_stage_gates, stop_at_blocking
from posttrain.pipeline.gold_rows import check_gold_rows
from posttrain.pipeline.live_files import followed
from posttrain.pipeline.out_folder import check_out
from posttrain.pipeline.ranks import check_shared, end_ranks
from posttrain.pipeline.reports import leave_card, reported
from posttrain.pipeline.run_directory import check_owner, data_hashes, file_hashes, locked, write_manifest
from posttrain.pipeline.stage_run import measured_base, run_stage
from posttrain.pipeline.tracking import tracked
from posttrain.pipeline.wiring import (
    KnownModel,
    Models,
    Run,
    check_fits,
    done_already,
    inputs_of,
    model_named,
    suite_paths,
)
from posttrain.recipe.schema import Recipe, in_order, paths_named
from posttrain.stages.context import Figure

LOG = "log.txt"
"""What libraries warn of, in the run directory."""

Summary = dict[str, dict[str, Figure]]
"""stage → metric → figure."""


def run_recipe(
    recipe: Recipe,
    *,
    base: Path,
    out: Path,
    screen: Screen,
    stop: Callable[[], bool] = lambda: False,
    wait: bool = False,
    file: Path | None = None,
    start_over: Callable[[], bool] = lambda: True,
    keep_going: bool = False,
    shared: Sequence[Path] = (),
) -> Summary:
    """Run all stages; writes ``manifest.json``, ``summary.json``, ``report.html`` and a folder a stage.

    ``console.txt`` keeps what the screen shows, ``log.txt`` the warnings of libraries.

    Args:
        base: folder that relative paths in the recipe start from.
        out: the run directory.
        stop: whether the user requested a stop.
        wait: whether to wait for people where a stage needs them.
        file: the recipe's; a run directory belongs to one.
        keep_going: whether later stages run although a gate does not pass; the run then ends with `GateStopped`.
        shared: folders of other runs of a sweep; a finished stage with the same inputs is taken from them.
        start_over: called once it is shown which stages start over, and why; False ends the run before it begins.

    Raises:
        InputError, RunError, Waiting, Stopped, GateStopped: see there; what was done stays, and the same call goes on.
    """
    named = list(paths_named(recipe))
    check_out(out, base, *([one.path for one in named if one.what == what] for what in ("model", "data")))
    with locked(out), library_log(out / LOG):
        check_shared(out)
        if file is not None and (moved := check_owner(out, file)) is not None:
            screen.note(moved)
        paths = [path for stage in recipe.stages.values() for path in stage.paths if path not in recipe.stages]
        hashes = data_hashes([*paths, *suite_paths(recipe.suites)], base)
        hashes |= file_hashes([file for stage in recipe.stages.values() for file in stage.files.values()], base)
        run = Run(recipe, base, out, hashes, screen, stop, wait, shared)
        check_gold_rows(recipe, base)
        check_fits(run, (name for name in in_order(recipe) if finished(run.folder(name)) is None))
        models: Models = {None: model_named(run, recipe.model, {})}
        _look_ahead(run, models, start_over)
        write_manifest(
            out, file=file, recipe=recipe.model_dump(mode="json"), model=models[None].fingerprint, data=hashes
        )
        with followed(screen, out) as shown, reported(out, shown):
            run = replace(run, screen=shown)
            models[None] = measured_base(run, models[None])
            summary = _run_stages(run, models, keep_going=keep_going)
            end_ranks()
            return summary


def _run_stages(run: Run, models: Models, *, keep_going: bool) -> Summary:
    """Run the stages in order, each with its gates.

    Raises:
        GateStopped: a gate does not pass: at once, or with `keep_going` after the last stage.
        Stopped: the user requested a stop.
    """
    summary: Summary = {}
    verdicts: list[GateVerdict] = []
    for number, name in enumerate(in_order(run.recipe), start=1):
        if run.stop():
            raise Stopped(f"stopped before stage {name}; everything is saved")
        stage = run.recipe.stages[name]
        run.screen.title(f"[{number}/{len(run.recipe.stages)}] {name} ({stage.kind_name()})")
        with tracked(run, name) as tracking:
            models[name], summary[name] = run_stage(run, name, models, tracking.on_metrics)
            write_json(run.out / "summary.json", summary_as_json(summary))
            of_stage = check_stage_gates(run.recipe, name, run.out, run.screen)
            tracking.finish(summary[name], of_stage)
        verdicts += of_stage
        leave_card(run.out, name, run.screen)
        if not keep_going:
            stop_at_blocking(verdicts, run.out)
    stop_at_blocking(verdicts, run.out)
    return summary


def summary_as_json(summary: Summary) -> dict[str, Any]:
    """stage → metric → before, after, n, interval."""
    return {stage: {name: asdict(figure) for name, figure in figures.items()} for stage, figures in summary.items()}


def _look_ahead(run: Run, models: Models, start_over: Callable[[], bool]) -> None:
    """Before anything begins: show what starts over and why, and refuse what does not fit into memory.

    Raises:
        InputError: the user does not want it to start over, or a stage does not fit.
    """
    recipe, known = run.recipe, dict(models)
    restarts: dict[str, list[str]] = {}
    for name in in_order(recipe):
        inputs, folder = inputs_of(run, name, known), run.folder(name)
        done = done_already(run, name, inputs, known)
        if done is None:
            check_fits(run, [name])
            before = started_with(folder)
            if has_work(folder) and before != inputs:
                restarts[name] = changes(before, inputs)
        known[name] = KnownModel(str(folder / "model"), done["fingerprint"] if done else inputs.fingerprint)
    models |= {name: model for name, model in known.items() if name not in recipe.stages}
    for name in strangers(run.out / "stages", recipe.stages):
        run.screen.note(f"stages/{name}/ is of an earlier recipe, and is left as it is")
    for name, sentences in restarts.items():
        run.screen.title(f"{name} starts over; its inputs changed")
        for sentence in sentences:
            run.screen.note(printable_text(sentence))
    if restarts and not start_over():
        raise InputError(
            f"{run.out}: the inputs of {', '.join(restarts)} changed, and nothing was started. Put them back, name "
            "another run directory with --out, or say --fresh: earlier results are kept then, too"
        )
