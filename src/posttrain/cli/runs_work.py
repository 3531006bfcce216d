"""The work of `posttrain runs`, `show` and `plot`."""

import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from posttrain.cli.tables import show_figures
from posttrain.console import format_bytes, format_duration, printable_text
from posttrain.errors import InputError
from posttrain.pipeline.run_directory import take_lock
from posttrain.report.changes import stage_changes
from posttrain.report.headline import headline
from posttrain.report.picture import write_picture
from posttrain.report.record import StageRecord, read_run
from posttrain.report.run_list import MANIFEST, is_run, listed_run, listed_runs
from posttrain.stages.context import Figure

COLOURS = {"good": "green", "bad": "red", "open": "yellow"}


def list_and_show(folder: Path, *, as_json: bool) -> None:
    """Show the runs below a folder.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; name the one that holds your runs")
    runs = listed_runs(folder)
    if as_json:
        typer.echo(json.dumps([{**asdict(run), "folder": str(run.folder)} for run in runs], indent=2))
        return
    if not runs:
        typer.echo(f"{folder} holds no run; posttrain run RECIPE makes one")
        return
    table = Table("run", "stages", "verdict", "size", "changed")
    for run in runs:
        verdict = f"[{COLOURS[run.tone]}]{_escaped(run.verdict)}[/]"
        ago = f"{format_duration(time.time() - run.changed).removeprefix('~')} ago"
        table.add_row(
            _escaped(str(run.folder)), f"{run.stages[0]}/{run.stages[1]}", verdict, format_bytes(run.size), ago
        )
    Console(highlight=False).print(table)


def remove_run(folder: Path, *, yes: bool) -> None:
    """Remove a run, after a question. No run can begin in its folder meanwhile.

    Raises:
        InputError: it is no run, it is at work, or nobody can answer the question.
    """
    if folder.is_symlink() or not is_run(folder):
        raise InputError(
            f"{folder}: not a run's folder, which has stages/ and the manifest of a run; nothing was removed"
        )
    folder = folder.resolve()
    handle = take_lock(folder)
    try:
        size = format_bytes(listed_run(folder).size)
        if not yes and not sys.stdin.isatty():
            raise InputError(f"{folder}: add --yes to remove {size} without a question")
        if not yes and not typer.confirm(f"Remove {folder} with {size}? Its models cannot be restored"):
            raise typer.Abort
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.removed-", dir=folder.parent))
        folder.rename(aside / folder.name)  # at once, so that no half of it looks like a run
        (aside / folder.name / MANIFEST).unlink()
        shutil.rmtree(aside)
    finally:
        os.close(handle)
    typer.echo(f"{folder} is removed: {size}")


def show_run(folder: Path) -> None:
    """Show a run.

    Raises:
        InputError: it is no run's folder, or a file of it is broken.
    """
    run = read_run(folder)
    console = Console(highlight=False)
    found = headline(run, {stage.name: stage_changes(run, stage) for stage in run.stages})
    console.print(f"[bold {COLOURS[found.tone]}]{_escaped(found.sentence)}[/]", soft_wrap=True)
    for sentence in (*found.more, *run.missing):
        console.print(_escaped(sentence), soft_wrap=True)
    table = Table("stage", "kind", "from", "state", "steps", "time", "memory")
    for stage in run.stages:
        table.add_row(*map(_escaped, _stage_cells(stage, str(run.recipe.get("model", "")))))
    console.print(table)
    figures = {s.name: {key: Figure(**figure) for key, figure in s.figures.items()} for s in run.stages if s.figures}
    show_figures(figures)
    page = run.folder / "report.html"
    if page.is_file():
        console.print(f"The whole report: {page}", markup=False, soft_wrap=True)


def plot_runs(folders: list[Path], out: Path | None, stage: str | None) -> None:
    """Draw the curves of runs, and print where the picture is.

    Raises:
        InputError: see `write_picture`.
    """
    typer.echo(write_picture(folders, stage=stage, file=out))


def _stage_cells(stage: StageRecord, model: str) -> tuple[str, ...]:
    steps = max((int(line.get("step", 0)) for line in stage.metrics), default=0)
    seconds, memory = stage.done.get("seconds"), stage.done.get("peak_memory_bytes")
    return (
        stage.name,
        stage.kind,
        stage.start or model,
        stage.state,
        f"{steps:,}" if steps else "",
        "" if seconds is None else format_duration(float(seconds)).removeprefix("~"),
        "" if not memory else format_bytes(float(memory)),
    )


def _escaped(text: str) -> str:
    """A text as rich shows it, without its marks and control characters."""
    return escape(printable_text(text))
