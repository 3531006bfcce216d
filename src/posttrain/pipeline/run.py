"""Run a recipe's stages in order; what is done already with the same inputs is not done again."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from posttrain.console import Screen, printable_text
from posttrain.errors import InputError, RunError, Stopped
from posttrain.evaluate.behaviour import measure
from posttrain.evaluate.gates.verdicts import GateVerdict
from posttrain.evaluate.measures import suite_of
from posttrain.evaluate.policy_answerer import policy_answerer
from posttrain.files import hashes_of, write_json
from posttrain.library_log import library_log
from posttrain.pipeline.earlier_results import Inputs, begin, changes, finished, has_work, started_with, strangers
from posttrain.pipeline.gates import check_stage_gates, stop_at_blocking
from posttrain.pipeline.gold_rows import check_gold_rows, check_stage_data
from posttrain.pipeline.out_folder import check_out
from posttrain.pipeline.reports import leave_card, reported
from posttrain.pipeline.run_directory import check_owner, data_hashes, file_hashes, locked, write_manifest
from posttrain.pipeline.wiring import (
    KnownModel,
    Models,
    Run,
    belongs,
    check_fits,
    done_already,
    inputs_of,
    model_named,
    ready,
    suite_paths,
)
from posttrain.policy.open import open_policy
from posttrain.recipe.gates import suites_for, suites_of_stage
from posttrain.recipe.schema import Recipe, in_order, made_by_stages, paths_named
from posttrain.recipe.stages.base import StageOptions, TrainingStage
from posttrain.stages.context import Context, Figure
from posttrain.stages.figures import figures_of_results
from posttrain.stages.fits import less_memory
from posttrain.stages.inputs import renderer_for
from posttrain.stages.runner import runner_of

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
) -> Summary:
    """Run all stages; writes ``manifest.json``, ``summary.json``, ``report.html``, a folder a stage, and ``log.txt``.

    Args:
        base: folder that relative paths in the recipe start from.
        out: the run directory.
        stop: whether the user requested a stop.
        wait: whether to wait for people where a stage needs them.
        file: the recipe's; a run directory belongs to one.
        keep_going: whether later stages run although a gate does not pass; the run then ends with `GateStopped`.
        start_over: called once it is shown which stages start over, and why; False ends the run before it begins.

    Raises:
        InputError, RunError, Waiting, Stopped, GateStopped: see there; what was done stays, and the same call goes on.
    """
    named = list(paths_named(recipe))
    check_out(out, base, *([one.path for one in named if one.what == what] for what in ("model", "data")))
    with locked(out), library_log(out / LOG):
        if file is not None and (moved := check_owner(out, file)) is not None:
            screen.note(moved)
        paths = [path for stage in recipe.stages.values() for path in stage.paths if path not in recipe.stages]
        hashes = data_hashes([*paths, *suite_paths(recipe.suites)], base)
        hashes |= file_hashes([file for stage in recipe.stages.values() for file in stage.files.values()], base)
        run = Run(recipe, base, out, hashes, screen, stop, wait)
        check_gold_rows(recipe, base)
        check_fits(run, (name for name in in_order(recipe) if finished(run.folder(name)) is None))
        models: Models = {None: model_named(run, recipe.model, {})}
        _look_ahead(run, models, start_over)
        write_manifest(
            out, file=file, recipe=recipe.model_dump(mode="json"), model=models[None].fingerprint, data=hashes
        )
        with reported(out, screen):
            models[None] = _base_model(run, models[None])
            return _run_stages(run, models, keep_going=keep_going)


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
        models[name], summary[name] = _run_stage(run, name, models)
        write_json(run.out / "summary.json", summary_as_json(summary))
        verdicts += check_stage_gates(run.recipe, name, run.out, run.screen)
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


def _run_stage(run: Run, name: str, models: Models) -> tuple[KnownModel, dict[str, Figure]]:
    recipe, stage, folder = run.recipe, run.recipe.stages[name], run.folder(name)
    suites, inputs = suites_of_stage(recipe, name), inputs_of(run, name, models)
    start = model_named(run, stage.start, models)
    done = done_already(run, name, inputs, models)
    if done is not None:
        run.screen.note("done already, with the same inputs")
        figures = {key: Figure(**figure) for key, figure in done["figures"].items()}
    else:
        if (aside := begin(folder, inputs)) is not None:
            what = "the earlier result" if finished(aside) else "the earlier, unfinished work"
            run.screen.note(f"its inputs changed, so it starts over; {what} is in {aside}/")
        elif finished(folder) is not None:
            run.screen.note(f"{folder}/model is damaged or missing (a hash differs), so it is made again")
        started = time.monotonic()
        resolved, context = ready(run, name, models)
        if made_by_stages(recipe, name):
            check_stage_data(resolved, name, run.base)
        figures = _guarded(lambda: runner_of(stage).run(resolved, context), stage, name)
        figures = _with_before(figures, start.behaviour)
        done = {
            "fingerprint": inputs.fingerprint,
            "seconds": round(time.monotonic() - started, 1),
            "figures": {key: asdict(figure) for key, figure in figures.items()},
            "model": hashes_of(folder / "model"),
        }
        write_json(folder / "stage.json", done)
    behaviour = {key: figures[key] for key in figures if suite_of(key) in suites}
    return KnownModel(str(folder / "model"), str(done["fingerprint"]), behaviour), figures


def _guarded(run: Callable[[], dict[str, Figure]], stage: StageOptions, name: str) -> dict[str, Figure]:
    """Name the stage in what goes wrong; say what helps when memory runs out."""
    try:
        return run()
    except RunError as error:
        raise RunError(f"stage {name}, {error}") from error
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise RunError(f"stage {name}: out of memory. {less_memory(stage)}; what is done already is kept") from error


def _base_model(run: Run, model: KnownModel) -> KnownModel:
    """The recipe's model, its behaviour measured before any training."""
    recipe, path = run.recipe, model.path
    suites = suites_for(run.recipe, "causal")
    writing = [s for s in recipe.stages.values() if isinstance(s, TrainingStage) and s.makes == "causal"]
    if not suites or not writing:
        return model

    folder, keys = run.out / "base", {key: suite.model_dump(mode="json") for key, suite in suites.items()}
    suite_files = {file: value for file, value in run.hashes.items() if belongs(file, suite_paths(suites))}
    begin(folder, Inputs({"suites": keys}, {"the model": model.fingerprint, **suite_files}))
    run.screen.title("before training")
    first = writing[0]
    context = Context("base", folder, run.base, path, recipe.seed, screen=Screen(quiet=True))
    renderer = renderer_for(first, context, trust_remote_code=first.trust_remote_code)
    policy = open_policy(path, first, train=False, on_note=run.screen.note)
    policy.end_tokens = tuple(sorted(renderer.end_tokens))
    answerer, behaviour = policy_answerer(policy, renderer, seed=recipe.seed), folder / "behaviour"
    results = measure(answerer, suites, base=run.base, folder=behaviour, screen=run.screen)
    return replace(model, behaviour=figures_of_results(results))


def _with_before(figures: Mapping[str, Figure], behaviour: Mapping[str, Figure]) -> dict[str, Figure]:
    return {
        key: replace(figure, before=behaviour[key].after) if key in behaviour else figure
        for key, figure in figures.items()
    }
