"""`posttrain audit` and `clean`: examine data before training, and apply safe fixes to a copy."""

from pathlib import Path
from typing import Annotated

import typer

from posttrain.cli.options import Against, AsJson, Columns, Overrides
from posttrain.errors import InputError

app = typer.Typer()


@app.command("audit", epilog="Example: posttrain audit train.jsonl --against test.jsonl")
def audit_command(
    data: Annotated[list[str], typer.Argument(help="Files, folders or hf://org/name.", show_default=False)] = [],  # noqa: B006
    recipe: Annotated[
        Path | None,
        typer.Option(help="Also count what a run of this recipe would cut or drop; without files, audit its data."),
    ] = None,
    against: Against = [],  # noqa: B006
    columns: Columns = "",
    waive: Annotated[list[str], typer.Option("--waive", help="Name of a blocking finding to ignore; repeatable.")] = [],  # noqa: B006
    presidio: Annotated[
        str | None, typer.Option(help="Also search for names and identifiers with Presidio: a spaCy model, or blank.")
    ] = None,
    set_: Overrides = [],  # noqa: B006
    out: Annotated[
        Path | None, typer.Option(help="Folder for findings.json and report.html; audit/FILE or audit/RECIPE if unset.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Examine data before training on it. Exit code 2 if a finding blocks."""
    from posttrain.console import Screen

    screen = Screen(quiet=as_json)
    if recipe is not None:
        from posttrain.pipeline.audit import audit_recipe
        from posttrain.recipe.schema import load_recipe

        checked = load_recipe(recipe, set_)
        folder = out or Path("audit") / recipe.stem
        audit_recipe(checked, recipe.parent, data, against, waive, folder, screen, presidio=presidio, to_json=as_json)
        return
    if set_:
        raise InputError("--set changes a recipe; name it with --recipe")
    from posttrain.audit.command import audit_files

    audit_files(data, against, columns, waive, out, screen, presidio=presidio, to_json=as_json)


@app.command("clean", epilog="Example: posttrain clean train.jsonl --out train.clean.jsonl --keep exact-duplicate")
def clean_command(
    data: Annotated[str, typer.Argument(help="A file, a folder or hf://org/name.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The file to write, .jsonl; a log is written beside it.")],
    columns: Columns = "",
    keep: Annotated[
        list[str], typer.Option("--keep", help="Name of a finding whose rows are kept unchanged; repeatable.")
    ] = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Apply the safe fixes of an audit to a copy, and log each change with its row. The original is never changed."""
    from posttrain.audit.command import clean_file
    from posttrain.console import Screen

    clean_file(data, columns, keep, out, Screen(quiet=as_json), to_json=as_json)
