"""Runs the demo: writes the fictional company's data, and runs the recipe on it."""

import shutil
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from posttrain.console import Screen
from posttrain.demo.ranking import RANKED, rank_drafts
from posttrain.demo.rows import write_data
from posttrain.files import whole_folder
from posttrain.pipeline.run import Summary, run_recipe
from posttrain.recipe.load import load_recipe
from posttrain.recipe.schema import Recipe


def run_demo(
    folder: Path, seed: int, screen: Screen, stop: Callable[[], bool], *, annotate: bool, sabotage: bool
) -> Summary:
    """Run the demo in `folder`, or resume it there; the figures of each stage. The run is in ``folder/run``.

    Args:
        seed: the seed of the rows and of training; the world and the base model are always the same.
        annotate: first let the user rank drafts in the browser; the reward model also learns from these rankings.
        sabotage: spoil training labels on purpose; all stages run, and the run ends with `GateStopped`.
    """
    set_up(folder, seed, sabotage=sabotage)
    if annotate:
        rank_drafts(folder, seed, screen, stop)
    recipe = demo_recipe(folder, seed, annotate=annotate)
    return run_recipe(recipe, base=folder, out=folder / "run", screen=screen, stop=stop, keep_going=sabotage)


def demo_recipe(folder: Path, seed: int, *, annotate: bool) -> Recipe:
    """The demo's recipe.

    Args:
        annotate: whether the reward model also learns from the user's rankings.
    """
    joined = [f"stages.reward.data=[data/drafts_train.jsonl, {RANKED}]"] if annotate else []
    return load_recipe(folder / "demo.yaml", [f"seed={seed}", *joined])


def set_up(folder: Path, seed: int, *, sabotage: bool = False) -> None:
    """Write ``base/``, ``data/`` and ``demo.yaml``, which are all that the recipe needs."""
    package: Any = files("posttrain.demo")
    if not (folder / "base").is_dir():
        with as_file(package.joinpath("base")) as source, whole_folder(folder / "base") as target:
            shutil.copytree(source, target, dirs_exist_ok=True)
    if not (folder / "data").is_dir():
        with whole_folder(folder / "data") as target:
            write_data(target, seed, sabotage=sabotage)
    (folder / "demo.yaml").write_text(package.joinpath("demo.yaml").read_text(encoding="utf-8"), encoding="utf-8")
