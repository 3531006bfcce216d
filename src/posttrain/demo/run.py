"""`posttrain demo`: write the fictional company's data, run the recipe on it, show what each stage changed."""

import json
import shutil
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from posttrain.console import Screen
from posttrain.demo.ranking import COUNT, RANKED, rank_drafts
from posttrain.demo.rows import write_data
from posttrain.demo.story import show_story
from posttrain.files import whole_folder
from posttrain.pipeline.run import as_json, run_recipe
from posttrain.recipe.schema import Recipe, load_recipe


def run_demo(
    folder: Path, seed: int, screen: Screen, stop: Callable[[], bool], *, annotate: bool, to_json: bool
) -> None:
    """Run the demo in `folder`; called again, it goes on where it stopped.

    Args:
        seed: draws the rows and orders the training; the world and the base model are always the same.
        annotate: first let the person rank drafts in the browser; the reward model learns from these rankings too.
        to_json: print ``summary.json`` instead of tables.
    """
    set_up(folder, seed)
    if annotate:
        rank_drafts(folder, seed, screen, stop)
    recipe = demo_recipe(folder, seed, annotate=annotate)
    summary = run_recipe(recipe, base=folder, out=folder / "run", screen=screen, stop=stop)
    if to_json:
        print(json.dumps(as_json(summary), indent=2))
    else:
        show_story(summary, folder / "run", ranked=COUNT if annotate else 0)


def demo_recipe(folder: Path, seed: int, *, annotate: bool) -> Recipe:
    """The demo's recipe; with the person's rankings beside those made by rule, if there are any."""
    joined = [f"stages.reward.data=[data/drafts_train.jsonl, {RANKED}]"] if annotate else []
    return load_recipe(folder / "demo.yaml", [f"seed={seed}", *joined])


def set_up(folder: Path, seed: int) -> None:
    """Write ``base/``, ``data/`` and ``demo.yaml``: all that the recipe needs, as a user would have it."""
    package: Any = files("posttrain.demo")
    if not (folder / "base").is_dir():
        with as_file(package.joinpath("base")) as source, whole_folder(folder / "base") as target:
            shutil.copytree(source, target, dirs_exist_ok=True)
    if not (folder / "data").is_dir():
        with whole_folder(folder / "data") as target:
            write_data(target, seed)
    (folder / "demo.yaml").write_text(package.joinpath("demo.yaml").read_text(encoding="utf-8"), encoding="utf-8")
