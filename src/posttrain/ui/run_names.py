"""The runs by the names that addresses have: their paths below the folder of runs."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import Request

from posttrain.annotate.problems import Missing
from posttrain.errors import InputError
from posttrain.pipeline.run_models import BASE, model_place, named_models
from posttrain.report.run_list import run_folders
from posttrain.ui.loaded_models import LoadedModels
from posttrain.ui.shown_run import ChangesCache


@dataclass(frozen=True, slots=True)
class RunsState:
    """What the pages share: the folder of the runs, the models that are loaded, and what stages changed."""

    folder: Path
    models: LoadedModels
    changes: ChangesCache = field(default_factory=dict[Path, Any])


def runs_state(request: Request) -> RunsState:
    """The state of the app that got a request."""
    return request.app.state.runs


def run_name(root: Path, folder: Path) -> str:
    """The name of a run below the folder of runs; of that folder itself, its own name."""
    return folder.resolve().name if folder == root else folder.relative_to(root).as_posix()


def run_folder(state: RunsState, name: str) -> Path:
    """The folder of a run.

    Raises:
        Missing: no run below the folder has this name.
    """
    for folder in run_folders(state.folder):
        if run_name(state.folder, folder) == name:
            return folder
    raise Missing("there is no such run")


def models_of_run(folder: Path) -> dict[str, str]:
    """The models of a run that answer, by the names of their stages, and the base: name → folder or hub id.

    Raises:
        InputError: the run's manifest is broken.
    """
    try:
        return named_models([str(folder)])
    except InputError:  # no stage has a model yet
        return {BASE: model_place(f"{folder}:{BASE}")}
