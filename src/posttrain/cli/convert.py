"""`posttrain convert`: a recipe from a configuration of TRL, LLaMA-Factory or Axolotl."""

from pathlib import Path
from typing import Annotated

import typer

from posttrain.errors import InputError

app = typer.Typer()


@app.command("convert", epilog="Example: posttrain convert sft.yaml --from trl --devices 4 > recipe.yaml")
def convert_command(
    config: Annotated[
        Path | None, typer.Argument(help="The configuration, a YAML or JSON file.", show_default=False)
    ] = None,
    peer: Annotated[
        str | None,
        typer.Option("--from", help="trl, llamafactory or axolotl; guessed from the keys if not given."),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--kind", help="sft, dpo, kto, grpo or reward, where the file does not show the technique (TRL)."),
    ] = None,
    devices: Annotated[int, typer.Option("--devices", help="Devices that trained together.", min=1)] = 1,
    table: Annotated[
        str | None,
        typer.Option("--table", help="Print the tables of the keys of trl, llamafactory or axolotl, as Markdown."),
    ] = None,
) -> None:
    """Print a recipe that trains as a configuration of TRL, LLaMA-Factory or Axolotl does.

    Keys without a counterpart become comments in the recipe.
    """
    from posttrain.cli import convert_work

    if table is not None:
        typer.echo(convert_work.tables(table), nl=False)
    elif config is None:
        raise InputError("convert: name a configuration of TRL, LLaMA-Factory or Axolotl")
    else:
        convert_work.convert_and_show(config, peer, kind, devices)
