"""`posttrain gate`: the verdicts of a run, again, from its saved answers."""

from pathlib import Path
from typing import Annotated

import typer

from posttrain.cli.options import AsJson

app = typer.Typer()


@app.command("gate", epilog='Example: posttrain gate runs/first --stage dpo --gate "facts not worse than sft by 0.02"')
def gate_command(
    run: Annotated[Path, typer.Argument(help="A run directory.", show_default=False)],
    gate: Annotated[
        list[str], typer.Option("--gate", help="A gate to decide instead of the recipe's; repeatable.")
    ] = [],  # noqa: B006
    stage: Annotated[
        str | None,
        typer.Option(help="The stage that --gate is about; the last one that its suite measured if unset."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Decide the gates of a run from its saved answers, without a model. Nothing in the run changes.

    Exit codes: 0 no gate blocks; 2 bad input; 100 a gate fails or is inconclusive, and has no waiver.
    """
    from posttrain.cli.gate_work import decide_and_show

    decide_and_show(run, gate, stage, as_json=as_json)
