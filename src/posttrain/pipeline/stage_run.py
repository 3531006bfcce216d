"""One stage of a run: run it, or take the result that is there; and the measured behaviour of the base model."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import torch

from posttrain.errors import LostRank, RunError
from posttrain.evaluate.measures import suite_of
from posttrain.files import hashes_of, write_json
from posttrain.pipeline.earlier_results import Inputs, begin, finished, has_work
from posttrain.pipeline.gold_rows import check_stage_data
from posttrain.pipeline.peak_memory import peak_memory_bytes, reset_peak_memory
from posttrain.pipeline.ranks import on_all_ranks, run_on_ranks
from posttrain.pipeline.shared_stages import take_base, take_stage
from posttrain.pipeline.wiring import (
    KnownModel,
    Models,
    Run,
    belongs,
    done_already,
    inputs_of,
    model_named,
    ready,
    suite_paths,
)
from posttrain.recipe.gates import suites_for, suites_of_stage
from posttrain.recipe.schema import made_by_stages
from posttrain.recipe.stages.base import StageOptions, TrainingStage
from posttrain.stages.base_behaviour import measure_base
from posttrain.stages.context import Context, Figure
from posttrain.stages.fits import less_memory


def run_stage(
    run: Run, name: str, models: Models, on_metrics: Callable[[], None] = lambda: None
) -> tuple[KnownModel, dict[str, Figure]]:
    """Run a stage, or take the result of an earlier run with the same inputs.

    Args:
        on_metrics: called after each step of training.

    Returns:
        its model, and its part of the summary.
    """
    folder, suites, inputs = run.folder(name), suites_of_stage(run.recipe, name), inputs_of(run, name, models)
    done = done_already(run, name, inputs, models)
    if done is not None:
        run.screen.note("done already, with the same inputs")
    else:
        if (aside := begin(folder, inputs)) is not None:
            what = "the earlier result" if finished(aside) else "the earlier, unfinished work"
            run.screen.note(f"its inputs changed, so it starts over; {what} is in {aside}/")
        elif finished(folder) is not None:
            run.screen.note(f"{folder}/model is damaged or missing (a hash differs), so it is made again")
        done = _taken(run, name, inputs) or _run_now(run, name, models, inputs, on_metrics)
    figures = {key: Figure(**figure) for key, figure in done["figures"].items()}
    behaviour = {key: figures[key] for key in figures if suite_of(key) in suites}
    return KnownModel(str(folder / "model"), str(done["fingerprint"]), behaviour), figures


def _taken(run: Run, name: str, inputs: Inputs) -> dict[str, Any] | None:
    """The record of a stage that another run has finished with the same inputs; its folder is copied."""
    folder = run.folder(name)
    if has_work(folder) or (source := take_stage(folder, inputs, run.shared)) is None:
        return None
    run.screen.note(f"done already by another run, with the same inputs; copied from {source}/")
    return finished(folder)


def _run_now(run: Run, name: str, models: Models, inputs: Inputs, on_metrics: Callable[[], None]) -> dict[str, Any]:
    """Run a stage, and write its record."""
    stage, folder = run.recipe.stages[name], run.folder(name)
    started = time.monotonic()
    reset_peak_memory()
    resolved, context = ready(run, name, models)
    context = replace(context, on_metrics=on_metrics)
    if made_by_stages(run.recipe, name):
        check_stage_data(resolved, name, run.base)
    figures = _guarded(lambda: run_on_ranks(resolved, context), stage, name)
    figures = _with_before(figures, model_named(run, stage.start, models).behaviour)
    done = {
        "fingerprint": inputs.fingerprint,
        "seconds": round(time.monotonic() - started, 1),
        "peak_memory_bytes": peak_memory_bytes(),
        "figures": {key: asdict(figure) for key, figure in figures.items()},
        "model": hashes_of(folder / "model"),
    }
    write_json(folder / "stage.json", done)
    return done


def _guarded(run: Callable[[], dict[str, Figure]], stage: StageOptions, name: str) -> dict[str, Figure]:
    """Name the stage in what goes wrong; say what helps when memory runs out."""
    try:
        return run()
    except LostRank:
        raise
    except RunError as error:
        raise RunError(f"stage {name}, {error}") from error
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise RunError(f"stage {name}: out of memory. {less_memory(stage)}; what is done already is kept") from error


def measured_base(run: Run, model: KnownModel) -> KnownModel:
    """The recipe's model, its behaviour measured before any training."""
    recipe = run.recipe
    suites = suites_for(run.recipe, "causal")
    writing = [s for s in recipe.stages.values() if isinstance(s, TrainingStage) and s.makes == "causal"]
    if not suites or not writing:
        return model

    folder, keys = run.out / "base", {key: suite.model_dump(mode="json") for key, suite in suites.items()}
    suite_files = {file: value for file, value in run.hashes.items() if belongs(file, suite_paths(suites))}
    first = writing[0]
    template = {key: value for key in ("template", "template_arguments") if (value := getattr(first, key))}
    jinja = {file: run.hashes[file] for key, file in first.files.items() if key == "template" and file in run.hashes}
    content = {"the model": model.fingerprint, **suite_files, **jinja}
    inputs = Inputs({"suites": keys, **({"rendered with": template} if template else {})}, content)
    begin(folder, inputs)
    take_base(folder, inputs, run.shared)
    run.screen.title("before training")
    context = Context("base", folder, run.base, model.path, recipe.seed, suites=suites, screen=run.screen)
    figures = _guarded(lambda: on_all_ranks(measure_base, first, context), first, "base")
    return replace(model, behaviour=figures)


def _with_before(figures: Mapping[str, Figure], behaviour: Mapping[str, Figure]) -> dict[str, Figure]:
    return {
        key: replace(figure, before=behaviour[key].after) if key in behaviour else figure
        for key, figure in figures.items()
    }
