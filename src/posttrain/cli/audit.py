"""`posttrain audit` and `posttrain clean`: the faults of data, and their safe fixes, before anything is trained."""

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
        Path | None, typer.Option(help="Count also what its run would cut or drop; its own data if none is given.")
    ] = None,
    against: Against = [],  # noqa: B006
    columns: Columns = "",
    waive: Annotated[
        list[str], typer.Option("--waive", help="A blocking finding to let pass, by name; repeatable.")
    ] = [],  # noqa: B006
    presidio: Annotated[
        str | None, typer.Option(help="Look for names and identifiers with Presidio too: a spaCy model, or blank.")
    ] = None,
    set_: Overrides = [],  # noqa: B006
    out: Annotated[
        Path | None, typer.Option(help="Folder for findings.json and report.html; audit/FILE or audit/RECIPE if unset.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at data before anything is trained on it. Exit code 2 if a finding blocks."""
    if recipe is not None:
        from posttrain.cli.audit_recipe_work import audit_stages

        audit_stages(recipe, set_, data, against, waive, out, presidio=presidio, as_json=as_json)
        return
    if set_:
        raise InputError("--set changes a recipe; name it with --recipe")
    if not data:
        raise InputError("audit: name the files to audit, or a recipe: --recipe recipe.yaml")
    from posttrain.cli.audit_work import audit_files

    audit_files(data, against, columns, waive, out, presidio=presidio, as_json=as_json)


@app.command("clean", epilog="Example: posttrain clean train.jsonl --out train.clean.jsonl --keep exact-duplicate")
def clean_command(
    data: Annotated[str, typer.Argument(help="A file, a folder or hf://org/name.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The file to write, .jsonl; a log is written beside it.")],
    columns: Columns = "",
    keep: Annotated[
        list[str], typer.Option("--keep", help="A finding whose rows stay as they are, by name; repeatable.")
    ] = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Apply the safe fixes of an audit to a copy, and log each, row by row. The original is never touched."""
    from posttrain.cli.audit_work import clean_file

    clean_file(data, columns, keep, out, as_json=as_json)
