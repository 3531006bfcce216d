"""The figures of `learning.py`: held-out curves of each side as SVG, with their intervals and seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from markupsafe import Markup, escape

from posttrain.report.charts.scale import Scale, scale_over, tick_text
from posttrain.report.charts.svg import element

PANEL, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 430.0, 340.0, 58.0, 18.0, 84.0, 44.0
LOOKS = (
    {"stroke": "#e39a3b", "stroke_width": "7", "stroke_opacity": "0.55"},
    {"stroke": "#1b4f91", "stroke_width": "2"},
    {"stroke": "#2f7d4f", "stroke_width": "2", "stroke_dasharray": "6 4"},
)
"""The wide line is drawn first, so that both can be seen where the curves are equal."""


@dataclass(frozen=True)
class Curve:
    """One side's measure after each step: mean of the seeds, interval, and each seed."""

    label: str
    steps: Sequence[int]
    mean: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    seeds: Sequence[Sequence[float]]


@dataclass(frozen=True)
class Panel:
    """A measure, and the curves of all sides."""

    measure: str
    curves: Sequence[Curve]


def figure(title: str, note: str, panels: Sequence[Panel]) -> str:
    """The figure, with panels beside each other."""
    width = PANEL * len(panels)
    parts: list[Markup] = [
        element("rect", width="100%", height="100%", fill="#ffffff"),
        _words(12, 20, title, size="15", weight="600"),
        _words(12, 37, note, size="11", fill="#555555"),
    ]
    for number, panel in enumerate(panels):
        parts += _panel(panel, number * PANEL)
    head = Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0:.0f} {1:.0f}" width="{0:.0f}" height="{1:.0f}" '
        'role="img" aria-label="{2}" font-family="system-ui, sans-serif">\n{3}\n</svg>\n'
    )
    return str(head.format(width, HEIGHT, title, Markup("\n").join(escape(part) for part in parts)))


def _panel(panel: Panel, left: float) -> list[Markup]:
    values = list(chain.from_iterable([*c.low, *c.high, *chain.from_iterable(c.seeds)] for c in panel.curves))
    y, ticks = scale_over(values, HEIGHT - BOTTOM, TOP + 16 * (len(panel.curves) - 1))
    steps = panel.curves[0].steps
    x = Scale(steps[0], steps[-1], left + LEFT, left + PANEL - RIGHT)
    parts = [_words(left + 12, 60, panel.measure, weight="600")]
    for tick in ticks:
        place = y(tick)
        parts.append(element("line", x1=x.start, x2=x.end, y1=place, y2=place, stroke="#e3e3e3"))
        parts.append(_words(x.start - 7, place + 4, tick_text(tick), anchor="end"))
    parts += [_words(x(step), HEIGHT - BOTTOM + 17, str(step), anchor="middle") for step in steps]
    parts.append(_words((x.start + x.end) / 2, HEIGHT - 9, "optimiser steps", anchor="middle"))
    for number, curve in enumerate(panel.curves):
        look = LOOKS[number]
        band = [*zip(steps, curve.high, strict=True), *reversed(list(zip(steps, curve.low, strict=True)))]
        parts.append(element("polygon", points=_points(band, x, y), fill=look["stroke"], fill_opacity="0.13"))
        thin = {"stroke": look["stroke"], "stroke_width": "0.8", "stroke_opacity": "0.75"}
        parts += [_line(steps, seed, x, y, thin) for seed in curve.seeds]
    for number, curve in enumerate(panel.curves):
        parts.append(_line(steps, curve.mean, x, y, LOOKS[number]))
        row = TOP - 8 + 16 * number
        parts.append(element("line", x1=x.start, x2=x.start + 26, y1=row, y2=row, **LOOKS[number]))
        parts.append(_words(x.start + 33, row + 4, curve.label))
    return parts


def _line(steps: Sequence[int], values: Sequence[float], x: Scale, y: Scale, look: dict[str, str]) -> Markup:
    points = _points(list(zip(steps, values, strict=True)), x, y)
    return element("polyline", points=points, fill="none", stroke_linejoin="round", **look)


def _points(places: Sequence[tuple[float, float]], x: Scale, y: Scale) -> str:
    return " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in places)


def _words(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    size: str = "12",
    weight: str = "400",
    fill: str = "#222222",
) -> Markup:
    return element("text", text, x=x, y=y, text_anchor=anchor, font_size=size, font_weight=weight, fill=fill)
