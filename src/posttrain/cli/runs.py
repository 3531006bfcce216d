"""`posttrain runs`, `show` and `plot`: the runs of this machine, what happened in one, and its curves."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from posttrain.cli.options import AsJson


class ListFirst(TyperGroup):
    """A group whose command `list` may be left out: ``posttrain runs``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the name of the command before a folder or an option."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=ListFirst, help="List the runs below a folder, or remove one. The word `list` may be left out.")
show_app = typer.Typer()


def _work():
    """The module that does the work; its imports are heavy, and `--help` does not need them."""
    from posttrain.cli import runs_work

    return runs_work


@app.command("list", epilog="Example: posttrain runs")
def list_command(
    folder: Annotated[Path, typer.Argument(help="The folder that holds the runs.")] = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """List runs with their verdicts, sizes and ages, the latest first."""
    _work().list_and_show(folder, as_json=as_json)


@app.command("remove", epilog="Example: posttrain runs remove runs/beta-02")
def remove_command(
    run: Annotated[Path, typer.Argument(help="The folder of a run.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Ask no question.")] = False,
) -> None:
    """Remove a run with all its models, after a question. A run that is at work is never removed."""
    _work().remove_run(run, yes=yes)


@show_app.command("show", epilog="Example: posttrain show runs/first")
def show_command(run: Annotated[Path, typer.Argument(help="The folder of a run.", show_default=False)]) -> None:
    """Show what happened in a run: its verdict, its stages, and each metric before and after."""
    _work().show_run(run)


@show_app.command("plot", epilog="Examples: posttrain plot runs/first; posttrain plot runs/a runs/b --out both.svg")
def plot_command(
    runs: Annotated[
        list[Path],
        typer.Argument(help="The folder of a run; several runs share their charts, a line each.", show_default=False),
    ],
    out: Annotated[
        Path | None, typer.Option(help="The picture, .svg or .html; curves.svg in the run's folder if not given.")
    ] = None,
    stage: Annotated[str | None, typer.Option(help="The only stage to show.", show_default=False)] = None,
) -> None:
    """Draw the curves of a run as one picture: loss, reward, KL, lengths, held-out values. It may still be at work."""
    _work().plot_runs(runs, out, stage)
