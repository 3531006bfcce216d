"""`posttrain init`: a recipe to start from, and a folder with the rows divided into training and test."""

from pathlib import Path
from typing import Annotated

import typer

from posttrain.errors import InputError

app = typer.Typer()


@app.command(
    "init",
    epilog="Examples: posttrain init sft > recipe.yaml; posttrain init sft --data notes.csv --model ./base --to notes",
)
def init_command(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="sft, ift, dpo, kto, reward, ppo, grpo, distill, candidates, rank, pick, rounds, imitate, audit, all.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[str | None, typer.Option(help="The first stage's data.", show_default=False)] = None,
    model: Annotated[str | None, typer.Option(help="A folder or a hub id.", show_default=False)] = None,
    columns: Annotated[
        str,
        typer.Option(
            help="Standard names of your columns: prompt=question,completion=answer; with --to also target=answer, the "
            "column that a reward reads.",
            show_default=False,
        ),
    ] = "",
    to: Annotated[
        Path | None,
        typer.Option(
            help="A new folder to write: the recipe, the rows divided into training and test, and a suite of the test.",
            show_default=False,
        ),
    ] = None,
    test: Annotated[
        int | None,
        typer.Option(
            help="--to: test rows; a tenth of all, within 20 and 500, if not given.", min=1, show_default=False
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="--to: of the division into training and test.", min=0)] = 0,
    yes: Annotated[bool, typer.Option("--yes", help="--to: write the folder without a question.")] = False,
) -> None:
    """Print a commented recipe for a technique; with --to, write it with a test. Without a kind: all kinds."""
    if data is None and (to is not None or columns):
        raise InputError(f"{'--columns' if to is None else '--to'}: name the file of rows with --data")
    if to is not None:
        from posttrain.cli.init_work import write_and_show

        write_and_show(kind, str(data), to, model=model, columns=columns, test=test, seed=seed, yes=yes)
        return
    if test is not None or yes:
        raise InputError(f"{'--yes' if test is None else '--test'} goes with --to, which names a folder to write")
    from posttrain.cli.init_print import print_recipe

    print_recipe(kind, data, model=model, columns=columns)
