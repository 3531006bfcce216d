"""`posttrain doctor`: what this machine has, what is missing, and how to get it."""

from typing import Annotated

import typer

from posttrain.cli.options import AsJson

app = typer.Typer()


@app.command("doctor", epilog="Example: posttrain doctor")
def doctor_command(
    as_json: AsJson = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 if an optional part is missing.")] = False,
) -> None:
    """Show the machine, its precision and memory, and which optional parts are installed. No request leaves it."""
    from posttrain.cli.doctor_work import examine_and_show

    examine_and_show(as_json=as_json, strict=strict)
