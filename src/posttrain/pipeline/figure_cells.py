"""The figures of a run as cells of a table, each in its own unit."""

from collections.abc import Mapping

from posttrain.stages.context import Figure
from posttrain.statistics.estimate import Unit

HEADINGS = ("stage", "metric", "before", "after", "95% interval", "taken over")

STYLES: Mapping[Unit, str] = {"value": ".4f", "share": ".1%", "count": ",.0f", "nats": ".4f"}
"""How a figure of a unit is written."""


def figure_rows(stage: str, figures: Mapping[str, Figure]) -> list[tuple[str, ...]]:
    """A row of cells for each figure of a stage, as `HEADINGS` names them; the first one names the stage."""
    return [
        (stage if number == 0 else "", name + (" (nats)" if figure.unit == "nats" else ""), *cells(figure))
        for number, (name, figure) in enumerate(figures.items())
    ]


def cells(figure: Figure) -> tuple[str, str, str, str]:
    """before, after, interval, and how many of what; shares as percentages, counts as whole numbers."""
    style, ends = STYLES[figure.unit], figure.interval
    before, after = ("–" if value is None else f"{value:{style}}" for value in (figure.before, figure.after))
    between = "" if ends is None else f"{ends[0]:{style}} to {ends[1]:{style}}"
    of = figure.of.removesuffix("s") if figure.n == 1 else figure.of
    return before, after, between, f"{figure.n:,} {of}".rstrip()
