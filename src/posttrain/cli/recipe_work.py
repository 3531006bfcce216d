"""The work of the commands on recipes, apart from their options: this module imports torch."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from posttrain.cli.generate import generate_file
from posttrain.cli.sweep_work import plan_sweep_and_show, sweep_and_show
from posttrain.cli.tables import show_figures, show_summary
from posttrain.console import Screen
from posttrain.errors import InputError
from posttrain.pipeline.plan import plan_recipe
from posttrain.pipeline.plan_table import show_plan
from posttrain.pipeline.ranks import follow
from posttrain.pipeline.run import run_recipe, summary_as_json
from posttrain.pipeline.run_directory import folder_for
from posttrain.ranks.group import group, is_main, launched
from posttrain.recipe.inputs import load_ready
from posttrain.train.signals import graceful_stop


def run_and_show(
    recipe: Path,
    sets: Sequence[str],
    sweeps: Sequence[str],
    out: Path | None,
    *,
    wait: bool,
    fresh: bool | None,
    keep_going: bool,
    as_json: bool,
) -> None:
    """Run a recipe or a sweep, and show its figures. At a terminal, a question comes before stages start over."""
    confirms = fresh is None and not as_json and sys.stdin.isatty() and sys.stderr.isatty()

    def start_over() -> bool:
        return typer.confirm("Start these stages over?", err=True) if confirms else fresh is not False

    if sweeps:
        if launched():
            raise InputError("--sweep: its runs have one process each; leave out --processes, or the launcher")
        sweep_and_show(
            *(recipe, sets, sweeps, out), wait=wait, start_over=start_over, keep_going=keep_going, as_json=as_json
        )
        return
    checked, folder = load_ready(recipe, sets), out or folder_for(recipe)
    with graceful_stop() as stop, group():
        if not is_main():
            follow(folder, stop)
            return
        summary = run_recipe(
            checked,
            base=recipe.parent,
            out=folder,
            screen=Screen(quiet=as_json),
            stop=stop,
            wait=wait,
            file=recipe,
            start_over=start_over,
            keep_going=keep_going,
        )
        if as_json:
            typer.echo(json.dumps(summary_as_json(summary), indent=2))
        else:
            show_summary(summary, folder)


def plan_and_show(recipe: Path, sets: Sequence[str], sweeps: Sequence[str], *, processes: int, as_json: bool) -> None:
    """Show what a run would do; of a sweep, the number of its runs and its time.

    Raises:
        InputError: a stage does not fit into the free memory.
    """
    if sweeps:
        plan_sweep_and_show(recipe, sets, sweeps, as_json=as_json)
        return
    checked = load_ready(recipe, sets)
    plans = plan_recipe(checked, recipe.parent, Screen(quiet=as_json), processes=processes)
    if as_json:
        typer.echo(json.dumps([plan.as_json() for plan in plans], indent=2))
    else:
        show_plan(plans)
    if short := [plan.stage for plan in plans if plan.does_not_fit is not None]:
        raise InputError(f"{recipe}: does not fit into the free memory: {', '.join(short)}")


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
