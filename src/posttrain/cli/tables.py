"""Results as tables, for people at a terminal."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from posttrain.pipeline.figure_cells import HEADINGS, figure_rows
from posttrain.stages.context import Figure

PLACES = (
    "model",
    "export",
    "candidates.jsonl",
    "picked.jsonl",
    "best_of_n.json",
    "report.html",
    "metrics.jsonl",
    "samples.json",
    "completions",
    "behaviour",
)
"""Names of the results in a stage's folder that people read."""


def show_summary(summary: Mapping[str, Mapping[str, Figure]], out: Path) -> None:
    """One table of all stages, and where all else is."""
    show_figures(summary)
    console = Console(highlight=False)
    console.print(f"The figures are in {out}/summary.json. Each stage's folder:", soft_wrap=True, markup=False)
    for stage in summary:
        folder = out / "stages" / stage
        names = [f"{name}{'/' if (folder / name).is_dir() else ''}" for name in PLACES if (folder / name).exists()]
        console.print(f"  {folder}/ ({', '.join(names)})", soft_wrap=True, markup=False)


def show_figures(summary: Mapping[str, Mapping[str, Figure]]) -> None:
    """One table: each metric before and after, with the latter's 95% interval, and what it is taken over.

    A sentence where there is no figure: a stage without held-out rows has none.
    """
    if not any(summary.values()):
        Console(highlight=False).print("No figures: nothing is held out (`validation`), and there are no suites.")
        return
    table = Table(HEADINGS[0])
    table.add_column(HEADINGS[1], overflow="fold")
    for heading in HEADINGS[2:]:
        table.add_column(heading, justify="right")
    for stage, figures in summary.items():
        for row in figure_rows(stage, figures):
            table.add_row(*row)
        table.add_section()
    Console(markup=False).print(table)
