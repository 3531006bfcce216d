"""The work of `posttrain eval gold`: evaluation rows whose prompts can never enter training."""

import json
from pathlib import Path

import typer

from posttrain.data.files.read import read_rows
from posttrain.data.gold import GOLD, add_gold
from posttrain.errors import InputError


def add_gold_rows(file: str, recipe: Path | None, *, as_json: bool) -> None:
    """Add the rows of a file to the gold file beside the recipe, or in the working directory.

    Raises:
        InputError: the recipe is not there, or a row has no prompt.
    """
    if recipe is not None and not recipe.is_file():
        raise InputError(f"--recipe {recipe}: there is no such recipe")
    folder = recipe.parent if recipe is not None else Path()
    new, total = add_gold(folder, read_rows(file))
    if as_json:
        typer.echo(json.dumps({"file": str(folder / GOLD), "new": new, "total": total}))
    else:
        typer.echo(f"{folder / GOLD}: {new:,} new gold prompts, {total:,} in all. No stage can train on them")
