"""The folders of behaviour in a run: of its start model and of its stages, in order."""

from collections.abc import Mapping
from pathlib import Path

from posttrain.evaluate.behaviour import RESULTS
from posttrain.files import read_json

BEHAVIOUR = "behaviour"
"""The folder of a stage's results."""

BASE = "base"
"""The name of the model before training, beside the names of stages."""


def behaviours(folder: Path) -> Mapping[str, Path]:
    """Stage → its folder of results, ``base`` first; a folder of `posttrain eval` is the one of its own name."""
    if (folder / RESULTS).is_file():
        return {folder.resolve().name: folder}
    places = {name: behaviour_folder(folder, name) for name in (BASE, *_stages(folder))}
    return {name: place for name, place in places.items() if (place / RESULTS).is_file()}


def behaviour_folder(run: Path, stage: str) -> Path:
    """The folder of a stage's results in a run; `BASE` is the model before training."""
    return (run / BASE if stage == BASE else run / "stages" / stage) / BEHAVIOUR


def _stages(folder: Path) -> list[str]:
    """The names of the run's stages, in the order in which they ran; later ones by name."""
    summary = folder / "summary.json"
    ran = list(read_json(summary)) if summary.is_file() else []
    found = sorted(path.name for path in folder.glob("stages/*") if ".previous-" not in path.name)
    return [*ran, *(name for name in found if name not in ran)]
