"""Line charts: values over the steps of a training stage."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from posttrain.report.charts.scale import Scale, scale_over, tick_text
from posttrain.report.charts.svg import drawing, element, line, words

WIDTH, HEIGHT = 340.0, 190.0
LEFT, RIGHT, BOTTOM = 46.0, 12.0, 30.0
POINTS = 160
"""The most points of a line; of more, the lowest and the highest value of each part stay, so that no jump is lost."""

_LETTER = 6.3
"""The width of a letter of the legend."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart: its name and its (step, value) points."""

    label: str
    points: Sequence[tuple[float, float]]


def line_chart(title: str, series: Sequence[Series], axis: str = "step") -> Markup:
    """The chart. Lines differ in colour, in dashes and in the marks at their points.

    Args:
        axis: what the first number of a point counts.
    """
    thinned = [Series(one.label, thin(one.points)) for one in series]
    legend, top = _legend(thinned)
    y, ticks = scale_over([v for one in thinned for _, v in one.points], HEIGHT - BOTTOM, top)
    steps = [x for one in thinned for x, _ in one.points]
    x = Scale(min(steps), max(max(steps), min(steps) + 1), LEFT, WIDTH - RIGHT)
    grid = [
        part
        for tick in ticks
        for part in (
            line(LEFT, y(tick), WIDTH - RIGHT, y(tick), "grid"),
            words(LEFT - 6, y(tick) + 4, tick_text(tick), class_="tick", anchor="end"),
        )
    ]
    below = [
        words(LEFT, HEIGHT - 10, f"{axis} {x.low:,.0f}", class_="tick"),
        words(WIDTH - RIGHT, HEIGHT - 10, f"{axis} {max(steps):,.0f}", class_="tick", anchor="end"),
    ]
    lines = [part for number, one in enumerate(thinned) for part in _drawn(number, one, x, y)]
    return drawing(WIDTH, HEIGHT, f"{title}: {_summary(series)}", *grid, *below, *lines, *legend)


def thin(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most `POINTS` points with the same ends and extremes."""
    if len(points) <= POINTS:
        return list(points)
    parts, kept = POINTS // 2, []
    for number in range(parts):
        part = points[number * len(points) // parts : (number + 1) * len(points) // parts]
        kept += sorted({min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])})
    return sorted({points[0], *kept, points[-1]})


def _drawn(number: int, series: Series, x: Scale, y: Scale) -> list[Markup]:
    places = [(x(step), y(value)) for step, value in series.points]
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
    drawn = [element("polyline", points=path, class_=f"line s{number % 4}")]
    if len(places) <= 30:
        drawn += [_mark(number, a, b) for a, b in places]
    return drawn


def _mark(number: int, x: float, y: float) -> Markup:
    """The mark of a series: a dot, a square, a triangle or a ring."""
    kind = number % 4
    if kind == 1:
        return element("rect", x=x - 2.6, y=y - 2.6, width=5.2, height=5.2, class_="mark s1")
    if kind == 2:
        return element("path", d=f"M{x:.1f} {y - 3.4:.1f}l3.2 5.6h-6.4z", class_="mark s2")
    return element("circle", cx=x, cy=y, r=2.6, class_=f"mark s{kind}")


def _legend(series: Sequence[Series]) -> tuple[list[Markup], float]:
    """The names of the lines, in as many rows as they need, and the place where the chart begins below them."""
    parts: list[Markup] = []
    x, y = LEFT, 11.0
    for number, one in enumerate(series):
        width = 34 + _LETTER * len(one.label)
        if x > LEFT and x + width > WIDTH:
            x, y = LEFT, y + 15
        parts += [line(x, y, x + 18, y, f"line s{number % 4}"), _mark(number, x + 9, y)]
        parts.append(words(x + 23, y + 4, one.label, class_="legend"))
        x += width
    return parts, y + 15


def _summary(series: Sequence[Series]) -> str:
    ends = (f"{one.label} from {one.points[0][1]:.4g} to {one.points[-1][1]:.4g}" for one in series)
    return "; ".join(ends)
