"""The work of `posttrain demo`, apart from its options: this module imports torch and the ranking app."""

import json
from pathlib import Path

import typer

from posttrain.cli.show_demo import show_demo
from posttrain.cli.show_real_demo import show_real_demo
from posttrain.console import Screen
from posttrain.demo.ranking import COUNT
from posttrain.demo.real.run import run_real_demo
from posttrain.demo.run import run_demo
from posttrain.pipeline.run import summary_as_json
from posttrain.train.signals import graceful_stop


def demo_and_show(folder: Path, seed: int, *, annotate: bool, sabotage: bool, as_json: bool) -> None:
    """Run the demo, and show what each stage changed."""
    with graceful_stop() as stop:
        summary = run_demo(folder, seed, Screen(quiet=as_json), stop, annotate=annotate, sabotage=sabotage)
        if as_json:
            typer.echo(json.dumps(summary_as_json(summary), indent=2))
        else:
            show_demo(summary, folder / "run", ranked=COUNT if annotate else 0)


def real_demo_and_show(folder: Path, seed: int, *, as_json: bool) -> None:
    """Run the demo on a real language model, and show what each stage changed."""
    with graceful_stop() as stop:
        summary = run_real_demo(folder, seed, Screen(quiet=as_json), stop)
        if as_json:
            typer.echo(json.dumps(summary_as_json(summary), indent=2))
        else:
            show_real_demo(summary, folder / "run")
