"""Models by the names that commands take: a folder, a hub id, RUN:STAGE, or all models of a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from posttrain.errors import InputError
from posttrain.recipe.stages.registry import STAGES
from posttrain.report.run_files import expected, json_object
from posttrain.report.run_list import run_in

BASE = "base"
"""The name of a run's start model."""


def model_place(name: str, *, servers: bool = False) -> str:
    """The folder or hub id behind a name; of ``RUN:STAGE`` the stage's model, of ``RUN:base`` the start model.

    Args:
        servers: whether the caller takes a server's model too; the message then says how to name one.

    Raises:
        InputError: there is no such stage, or it has no model; or the name can be nothing of the kind.
    """
    run, _, stage = name.rpartition(":")
    if Path(name).is_dir():
        return name
    if run and Path(run).is_dir():
        return _model_of_run(run_in(Path(run)) or Path(run), stage, name)
    if "/" not in name:
        more = ", a server's model name@http://host/v1" if servers else ""
        raise InputError(f"{name}: no such model folder; a hub id is org/name, a stage's model RUN:STAGE{more}")
    return name


def named_models(names: Sequence[str]) -> dict[str, str]:
    """A short name for each model → its folder or hub id. A run's folder stands for all its models that answer.

    The short name of ``RUN:STAGE`` is the stage's, unless the models are of several runs.

    Raises:
        InputError: a name stands for no model; see `model_place`.
    """
    models = [one for name in names for one in _expanded(name)]
    runs = dict.fromkeys(Path(name).resolve() for name, _ in models if name is not None)
    found: dict[str, str] = {}
    for run, own in models:
        place = model_place(own if run is None else f"{run}:{own}")
        short = _short(own) if run is None else own if len(runs) == 1 else f"{Path(run).resolve().name}:{own}"
        if found.setdefault(short, place) != place:
            raise InputError(f"{own}: two models would have the name {short}; give them one at a time")
    return found


def _expanded(name: str) -> list[tuple[str | None, str]]:
    """(run, stage) of each model that a name stands for; (None, name) if it is no run."""
    run, _, stage = name.rpartition(":")
    if run and Path(run).is_dir():
        return [(run, stage)]
    found = run_in(Path(name))
    if found is None:
        return [(None, name)]
    stages = _answering_stages(found)
    if not stages:
        raise InputError(f"{name}: no stage of this run has a model yet; posttrain run goes on with it")
    return [(name, stage) for stage in (BASE, *stages)]


def _answering_stages(run: Path) -> list[str]:
    """The stages of a run whose finished model answers, in the order of the recipe."""
    return [
        name
        for name, stage in _recipe(run)["stages"].items()
        if (run / "stages" / name / "model").is_dir()
        and stage.get("kind") in STAGES
        and STAGES[stage["kind"]].makes == "causal"
    ]


def _short(name: str) -> str:
    """The name of a model that is no stage of a run: the hub id, or the folder's own name."""
    return Path(name).resolve().name if Path(name).is_dir() else name


def _model_of_run(run: Path, stage: str, name: str) -> str:
    if stage == BASE and (run / "manifest.json").is_file():
        return _start_model(run)
    folder = run / "stages" / stage / "model"
    if not folder.is_dir():
        stages = sorted(path.parent.name for path in run.glob("stages/*/model") if ".previous-" not in path.parent.name)
        known = f"; its stages with a model: {', '.join(stages)}" if stages else ""
        raise InputError(f"{name}: {run} has no model of a stage {stage}{known}")
    return str(folder)


def _start_model(run: Path) -> str:
    """The run's start model: a folder beside its recipe, or a hub id."""
    model, file = str(_recipe(run)["model"]), (json_object(run / "manifest.json") or {}).get("recipe_file")
    folders = [Path(file).parent / model] if file else []
    return next((str(folder) for folder in (*folders, Path(model)) if folder.is_dir()), model)


def _recipe(run: Path) -> dict[str, Any]:
    """The recipe of a run.

    Raises:
        InputError: its manifest is broken.
    """
    path = run / "manifest.json"
    with expected(path):
        recipe = (json_object(path) or {})["recipe"]
        return {"model": recipe["model"], "stages": {name: dict(stage) for name, stage in recipe["stages"].items()}}
