"""Dot-and-interval plots: a value with its 95% interval for each model, on one scale."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from posttrain.report.charts.scale import Scale, scale_over, tick_text
from posttrain.report.charts.svg import drawing, element, line, words
from posttrain.statistics.estimate import Estimate, Unit

WIDTH, ROW, LEFT, RIGHT, TOP = 340.0, 26.0, 108.0, 64.0, 6.0
NAME = 15
"""The most letters of a name beside its row."""


@dataclass(frozen=True, slots=True)
class DotRow:
    """One row of a plot: the name of the model, its value, and the value as text."""

    name: str
    estimate: Estimate
    text: str


def dot_plot(title: str, rows: Sequence[DotRow]) -> Markup:
    """A row for each model: a dot at its value, and a bar over its interval."""
    known = [row for row in rows if row.estimate.value is not None]
    scale, ticks = _scale([row.estimate for row in known], LEFT, WIDTH - RIGHT)
    bottom = TOP + ROW * len(known)
    grid = [
        part
        for tick in ticks
        for part in (
            line(scale(tick), TOP, scale(tick), bottom, "grid"),
            words(scale(tick), bottom + 14, _tick(tick, rows[0].estimate.unit), class_="tick", anchor="middle"),
        )
    ]
    drawn = [part for number, row in enumerate(known) for part in _row(row, number, scale)]
    described = "; ".join(f"{row.name} {row.text}" for row in known)
    return drawing(WIDTH, bottom + 20, f"{title}: {described}", *grid, *drawn)


def dumbbell(title: str, before: Estimate | None, after: Estimate, sign: str) -> Markup:
    """One change on a small scale: a ring before, a filled mark after with its interval, and the way between."""
    known = [one for one in (before, after) if one is not None and one.value is not None]
    if after.value is None:
        return Markup("")
    scale, _ = _scale(known, 8.0, 152.0)
    parts = [line(8, 12, 152, 12, "grid")]
    if after.interval is not None:
        parts.append(line(scale(after.interval[0]), 12, scale(after.interval[1]), 12, f"range {_class(sign)}"))
    if before is not None and before.value is not None:
        parts.append(line(scale(before.value), 12, scale(after.value), 12, "way"))
        parts.append(element("circle", cx=scale(before.value), cy=12, r=4.4, class_="before"))
    parts.append(element("circle", cx=scale(after.value), cy=12, r=4.4, class_=f"after {_class(sign)}"))
    return drawing(160, 24, title, *parts, class_="dumbbell")


def _class(sign: str) -> str:
    return sign.replace(" ", "-")


def _scale(estimates: Sequence[Estimate], start: float, end: float) -> tuple[Scale, list[float]]:
    if all(one.unit == "share" for one in estimates):
        return Scale(0, 1, start, end), [0, 0.5, 1]
    values = [value for one in estimates for value in (one.value, *(one.interval or ())) if value is not None]
    scale, ticks = scale_over(values, start, end)
    return scale, ticks[:: max(1, len(ticks) // 3)]


def _tick(value: float, unit: Unit) -> str:
    return f"{value:.0%}" if unit == "share" else tick_text(value)


def _row(row: DotRow, number: int, scale: Scale) -> list[Markup]:
    y, value = TOP + ROW * (number + 0.5), row.estimate.value or 0.0
    name = row.name if len(row.name) <= NAME else f"{row.name[: NAME - 1]}…"
    parts = [words(LEFT - 12, y + 4, name, class_="label", anchor="end")]
    if row.estimate.interval is not None:
        low, high = (scale(end) for end in row.estimate.interval)
        parts += [
            line(low, y, high, y, "range"),
            line(low, y - 4, low, y + 4, "range"),
            line(high, y - 4, high, y + 4, "range"),
        ]
    shape = element("circle", cx=scale(value), cy=y, r=4.6, class_="before" if number == 0 else "after")
    return [*parts, shape, words(WIDTH - RIGHT + 12, y + 4, row.text, class_="label")]
