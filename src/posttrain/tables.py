"""Results as tables, for people at a terminal."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from posttrain.stages.context import Figure


def show_summary(summary: Mapping[str, Mapping[str, Figure]], out: Path) -> None:
    """One table of all stages, and where all else is."""
    show_figures(summary, f"{out}/ (summary.json, stages/*/model, metrics.jsonl)")


def show_figures(summary: Mapping[str, Mapping[str, Figure]], where: str) -> None:
    """One table: each metric before and after, with the latter's 95% interval."""
    table = Table("stage", "metric", title=None)
    for heading in ("before", "after", "95% interval", "n"):
        table.add_column(heading, justify="right")
    for stage, figures in summary.items():
        for number, (name, figure) in enumerate(figures.items()):
            table.add_row(stage if number == 0 else "", name, *cells(name, figure))
        table.add_section()
    console = Console(markup=False)
    console.print(table)
    console.print(f"Everything is in {where}", highlight=False)


def cells(name: str, figure: Figure) -> tuple[str, str, str, str]:
    """before, after, interval, n; shares as percentages."""
    share = figure.interval is not None

    def shown(value: float | None) -> str:
        return "–" if value is None else f"{value:.1%}" if share else f"{value:.4f}"

    ends = f"{figure.interval[0]:.1%} to {figure.interval[1]:.1%}" if figure.interval else ""
    return shown(figure.before), shown(figure.after), ends, f"{figure.n:,}"
