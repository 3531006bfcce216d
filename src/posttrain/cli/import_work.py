"""The work of `posttrain eval import`: results of other tools beside ours."""

import json
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console

from posttrain.cli.evaluation_work import show_results
from posttrain.evaluate.behaviour import RESULTS
from posttrain.evaluate.imported.write import SOURCE, import_evaluations
from posttrain.files import read_json


def import_and_show(run: Path, files: Sequence[Path], stage: str | None, *, as_json: bool) -> None:
    """Import the files into the run, and show their results."""
    folders = import_evaluations(run, files, stage)
    if as_json:
        shown = [
            {"folder": str(one.folder), "new": one.new, **read_json(one.folder / SOURCE)}
            | {"results": read_json(one.folder / RESULTS)}
            for one in folders
        ]
        typer.echo(json.dumps(shown, indent=2))
        return
    console = Console(highlight=False)
    for one in folders:
        evaluation = one.evaluation
        version = "" if evaluation.version is None else f" {evaluation.version}"
        state = "" if one.new else ", imported before"
        about = f"{evaluation.file}: {evaluation.tool}{version}, model {evaluation.model}, in {one.folder}/{state}"
        console.print(about, markup=False, soft_wrap=True)
        show_results(evaluation.results)
