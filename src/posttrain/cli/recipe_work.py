"""The work of the commands on recipes, apart from their options: this module imports torch."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from posttrain.cli.generate import generate_file
from posttrain.cli.sweep_work import sweep_and_show
from posttrain.cli.tables import show_figures, show_summary
from posttrain.console import Screen
from posttrain.errors import InputError
from posttrain.pipeline.plan import plan_recipe
from posttrain.pipeline.plan_table import show_plan
from posttrain.pipeline.ranks import follow
from posttrain.pipeline.run import run_recipe, summary_as_json
from posttrain.pipeline.run_directory import folder_for
from posttrain.ranks.group import group, is_main
from posttrain.recipe.schema import Recipe
from posttrain.recipe.sweep import SweepPoint
from posttrain.train.signals import graceful_stop


def run_and_show(
    recipe: Recipe, file: Path, out: Path | None, *, wait: bool, fresh: bool | None, keep_going: bool, as_json: bool
) -> None:
    """Run a recipe, and show its figures. At a terminal, a question comes before stages start over."""
    folder = out or folder_for(file)
    with graceful_stop() as stop, group():
        if not is_main():
            follow(folder, stop)
            return
        summary = run_recipe(
            recipe,
            base=file.parent,
            out=folder,
            screen=Screen(quiet=as_json),
            stop=stop,
            wait=wait,
            file=file,
            start_over=lambda: _starts_over(fresh, as_json=as_json),
            keep_going=keep_going,
        )
        if as_json:
            typer.echo(json.dumps(summary_as_json(summary), indent=2))
        else:
            show_summary(summary, folder)


def run_sweep_and_show(
    points: Sequence[tuple[SweepPoint, Recipe]],
    file: Path,
    out: Path | None,
    *,
    wait: bool,
    fresh: bool | None,
    keep_going: bool,
    as_json: bool,
) -> None:
    """Run a sweep, and show its runs side by side; the question of `run_and_show` comes for each run."""

    def start_over() -> bool:
        return _starts_over(fresh, as_json=as_json)

    sweep_and_show(points, file, out, wait=wait, start_over=start_over, keep_going=keep_going, as_json=as_json)


def _starts_over(fresh: bool | None, *, as_json: bool) -> bool:
    """Whether changed stages start over: as the flag says, or else the person at the terminal, or else yes."""
    asks = fresh is None and not as_json and sys.stdin.isatty() and sys.stderr.isatty()
    return typer.confirm("Start these stages over?", err=True) if asks else fresh is not False


def plan_and_show(recipe: Recipe, file: Path, *, processes: int, as_json: bool) -> None:
    """Show what a run would do.

    Raises:
        InputError: a stage does not fit into the free memory.
    """
    plans = plan_recipe(recipe, file.parent, Screen(quiet=as_json), processes=processes)
    if as_json:
        typer.echo(json.dumps([plan.as_json() for plan in plans], indent=2))
    else:
        show_plan(plans)
    if short := [plan.stage for plan in plans if plan.does_not_fit is not None]:
        raise InputError(f"{file}: does not fit into the free memory: {', '.join(short)}")


def generate_and_show(
    models: Sequence[str], given: Mapping[str, Any], sets: Sequence[str], out: Path, seed: int, *, as_json: bool
) -> None:
    """Write candidates to a file, and show their figures."""
    with graceful_stop() as stop:
        figures = generate_file(models, given, sets, out, seed, Screen(quiet=as_json), stop)
        if as_json:
            typer.echo(json.dumps(summary_as_json({"candidates": figures})["candidates"], indent=2))
        else:
            show_figures({"candidates": figures})
            typer.echo(f"The candidates are in {out}, ready to be ranked")
