"""`posttrain init` without a folder: the recipe on standard output. Nothing heavy is imported."""

from collections.abc import Mapping
from pathlib import Path

import typer

from posttrain.audit.rows.convention import parse_columns
from posttrain.audit.rows.stage_columns import stage_columns
from posttrain.data.files.read import read_rows
from posttrain.errors import InputError
from posttrain.recipe.starter import kinds_of_starters, rows_of_starter, starter


def print_recipe(kind: str | None, data: str | None, *, model: str | None, columns: str) -> None:
    """Print a starting recipe with the data's own columns; guessed columns are noted on standard error.

    Args:
        data: a file that is not there yet is named in the recipe without columns, unless `columns` names them.

    Raises:
        InputError: there is no such kind, or it is unclear which columns of the data to read.
    """
    if kind is None:
        raise InputError(f"init: {kinds_of_starters()}")
    named = parse_columns(columns)
    read = named
    if data is not None and Path(data).expanduser().exists():
        read = stage_columns(next(read_rows(data)), rows_of_starter(kind), named)
    typer.echo(starter(kind, data=data, model=model, columns=read), nl=False)
    if read and not named:
        typer.echo(f"{data}: the columns are guessed from their names: {columns_in_words(read)}", err=True)


def columns_in_words(columns: Mapping[str, str]) -> str:
    """The columns as a list for people."""
    return ", ".join(f"{standard} = {name}" for standard, name in columns.items())
