"""Results as tables, for people at a terminal."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from posttrain.stages.context import Figure, Unit

STYLES: Mapping[Unit, str] = {"value": ".4f", "share": ".1%", "count": ",.0f", "nats": ".4f"}
"""How a figure of a unit is written."""

PLACES = (
    "model",
    "export",
    "candidates.jsonl",
    "report.html",
    "metrics.jsonl",
    "samples.json",
    "completions",
    "behaviour",
)
"""What a stage's folder may hold for people to look at."""


def show_summary(summary: Mapping[str, Mapping[str, Figure]], out: Path) -> None:
    """One table of all stages, and where all else is."""
    show_figures(summary)
    console = Console(highlight=False)
    console.print(f"The figures are in {out}/summary.json. Each stage's folder:", soft_wrap=True, markup=False)
    for stage in summary:
        folder = out / "stages" / stage
        found = [f"{name}{'/' if (folder / name).is_dir() else ''}" for name in PLACES if (folder / name).exists()]
        console.print(f"  {folder}/ ({', '.join(found)})", soft_wrap=True, markup=False)


def show_figures(summary: Mapping[str, Mapping[str, Figure]]) -> None:
    """One table: each metric before and after, with the latter's 95% interval, and what it is taken over.

    A sentence where there is no figure: a stage without held-out rows has none.
    """
    if not any(summary.values()):
        Console(highlight=False).print("No figures: nothing is held out (`validation`), and there are no suites.")
        return
    table = Table("stage")
    table.add_column("metric", overflow="fold")
    for heading in ("before", "after", "95% interval", "taken over"):
        table.add_column(heading, justify="right")
    for stage, figures in summary.items():
        for number, (name, figure) in enumerate(figures.items()):
            unit = " (nats)" if figure.unit == "nats" else ""
            table.add_row(stage if number == 0 else "", name + unit, *cells(figure))
        table.add_section()
    Console(markup=False).print(table)


def cells(figure: Figure) -> tuple[str, str, str, str]:
    """before, after, interval, and how many of what; shares as percentages, counts as whole numbers."""
    style, ends = STYLES[figure.unit], figure.interval
    before, after = ("–" if value is None else f"{value:{style}}" for value in (figure.before, figure.after))
    between = "" if ends is None else f"{ends[0]:{style}} to {ends[1]:{style}}"
    of = figure.of.removesuffix("s") if figure.n == 1 else figure.of
    return before, after, between, f"{figure.n:,} {of}".rstrip()
