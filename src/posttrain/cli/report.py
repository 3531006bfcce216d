"""`posttrain report`: a run as one HTML page for people who do not code."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command("report", epilog="Example: posttrain report runs/sft --compare runs/sft-before")
def report_command(
    run: Annotated[Path, typer.Argument(help="The folder of a run, its --out.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="The page to write; report.html in the run's folder if unset.")
    ] = None,
    compare: Annotated[Path | None, typer.Option(help="The folder of another run, to show both side by side.")] = None,
) -> None:
    """Write a run's report: one page that needs no network and no script. A run writes its own at its end, too."""
    from posttrain.cli.report_work import report_and_show

    report_and_show(run, out, compare)
