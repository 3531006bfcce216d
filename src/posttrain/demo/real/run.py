"""Runs the demo on a real language model: fetches the model, writes the data, and runs the recipe."""

import gzip
import json
import os
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from posttrain.console import Screen
from posttrain.demo.real.model import real_model
from posttrain.demo.real.rows import write_real_data
from posttrain.files import whole_folder, write_whole
from posttrain.pipeline.run import Summary, run_recipe
from posttrain.recipe.load import load_recipe
from posttrain.recipe.schema import Recipe

RECIPE = "real.yaml"

GENERAL = ("general_text.txt", "general_instructions.jsonl")
"""Texts that show what the model forgets: prose, and general instructions with their answers."""

WIKIPEDIA = "text/wiki_demo.txt.gz"
"""A file of Wikipedia articles in the folder that `POSTTRAIN_TEST_DATA` names. If it is there, it is measured too."""

CHARACTERS = 24_000
"""The part of it that is read: about 6,000 tokens."""


def run_real_demo(folder: Path, seed: int, screen: Screen, stop: Callable[[], bool]) -> Summary:
    """Run the demo in `folder`, or resume it there; the figures of each stage. The run is in ``folder/run``.

    Args:
        seed: the seed of the rows and of training.
    """
    recipe = real_recipe(folder, seed, real_model(screen.note))
    return run_recipe(recipe, base=folder, out=folder / "run", screen=screen, stop=stop)


def real_recipe(folder: Path, seed: int, model: Path, *, overrides: tuple[str, ...] = ()) -> Recipe:
    """Write ``data/`` and the recipe, and read the recipe.

    Args:
        model: the folder of the model.
        overrides: changes to the recipe, as ``key.path=value``.
    """
    package: Any = files("posttrain.demo.real")
    if not (folder / "data").is_dir():
        with whole_folder(folder / "data") as target:
            write_real_data(target, seed)
            _write_general(package, target)
    text = package.joinpath(RECIPE).read_text(encoding="utf-8")
    write_whole(folder / RECIPE, text.replace("model: base", f"model: {json.dumps(str(model))}", 1))
    wiki = "data/wikipedia.txt"
    more = [f"suites.wikipedia={{kind: perplexity, data: {wiki}}}"] if (folder / wiki).is_file() else []
    return load_recipe(folder / RECIPE, [f"seed={seed}", *more, *overrides])


def _write_general(package: Any, target: Path) -> None:
    """Write the texts that show what the model forgets."""
    for name in GENERAL:
        write_whole(target / name, package.joinpath(name).read_text(encoding="utf-8"))
    source = Path(os.environ.get("POSTTRAIN_TEST_DATA", "")) / WIKIPEDIA
    if source.is_file():
        with gzip.open(source, "rt", encoding="utf-8") as file:
            write_whole(target / "wikipedia.txt", file.read(CHARACTERS))
