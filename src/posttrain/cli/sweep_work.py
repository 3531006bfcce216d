"""The work of ``posttrain run --sweep`` and ``posttrain plan --sweep``, apart from their options."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from posttrain.console import Screen
from posttrain.errors import InputError
from posttrain.pipeline.run_directory import folder_for
from posttrain.pipeline.sweep import SWEEP, PointOutcome, plan_sweep, raise_worst, run_sweep
from posttrain.recipe.schema import Recipe
from posttrain.recipe.sweep import SweepPoint
from posttrain.report.record import RunRecord, read_run
from posttrain.report.sweep import sweep_report, write_sweep
from posttrain.report.sweep_results import SweepReport, SweepRun
from posttrain.train.signals import graceful_stop


def sweep_and_show(
    points: Sequence[tuple[SweepPoint, Recipe]],
    file: Path,
    out: Path | None,
    *,
    wait: bool,
    start_over: Callable[[], bool],
    keep_going: bool,
    as_json: bool,
) -> None:
    """Run a sweep, and show its runs side by side.

    Raises:
        RunError, InputError, GateStopped, Waiting: the worst problem of a run, after all runs.
    """
    folder = out or folder_for(file)
    with graceful_stop() as stop:
        outcomes = run_sweep(
            points,
            base=file.parent,
            out=folder,
            screen=Screen(quiet=as_json),
            stop=stop,
            wait=wait,
            file=file,
            start_over=start_over,
            keep_going=keep_going,
        )
    report = sweep_report([_run_of(outcome) for outcome in outcomes])
    page = write_sweep(folder / SWEEP, report)
    if as_json:
        typer.echo(json.dumps(report.as_json(), indent=2))
    else:
        _show(report, page)
    raise_worst(outcomes)


def plan_sweep_and_show(points: Sequence[tuple[SweepPoint, Recipe]], file: Path, *, as_json: bool) -> None:
    """Show the size of a sweep and its time."""
    plan = plan_sweep(points, file.parent, Screen(quiet=as_json))
    typer.echo(json.dumps(asdict(plan), indent=2) if as_json else plan.sentence)


def _run_of(outcome: PointOutcome) -> SweepRun:
    point = outcome.point
    return SweepRun(point.name, point.label, point.values, outcome.state, _record(outcome.folder))


def _record(folder: Path) -> RunRecord | None:
    try:
        return read_run(folder)
    except InputError:  # the run ended before it wrote anything
        return None


def _show(report: SweepReport, page: Path) -> None:
    console = Console(highlight=False)
    table = Table("stage", "metric")
    for run in report.runs:
        table.add_column(run.label, justify="right")
    for row in report.rows:
        table.add_row(row.stage, row.metric, *row.cells)
    console.print(table)
    for run in report.runs:
        if run.state != "done":
            console.print(f"{run.name}: {run.state}", markup=False, soft_wrap=True)
    if report.shared:
        console.print(f"The same in all runs: {', '.join(report.shared)}", markup=False, soft_wrap=True)
    console.print(report.sentence, markup=False, soft_wrap=True)
    console.print(f"The plots and tests are in {page}", markup=False, soft_wrap=True)
