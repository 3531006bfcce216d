"""The work of `posttrain convert`, apart from its options: this module imports the options of all stages."""

from pathlib import Path

import typer

from posttrain.convert.conversion import convert_file
from posttrain.convert.page import tables_of
from posttrain.convert.peers import named_peer
from posttrain.convert.write import recipe_text_of


def convert_and_show(path: Path, peer: str | None, kind: str | None, devices: int) -> None:
    """Print the recipe of a configuration, and what it does not keep on standard error."""
    conversion = convert_file(path, peer, kind, devices)
    typer.echo(recipe_text_of(conversion), nl=False)
    counts = {"not supported": conversion.lost, "unknown": conversion.unknown}
    listed = [f"{len(notes)} {name}" for name, notes in counts.items() if notes]
    if listed:
        typer.echo(f"{path}: {' and '.join(listed)}; the comments at the end of the recipe list them", err=True)


def tables(peer: str) -> str:
    """The tables of a tool's keys, as its page has them."""
    return tables_of(named_peer(peer))
