"""The curves of one run, or of several in the same charts, as one picture that needs no other file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from posttrain.console import printable_text
from posttrain.errors import InputError
from posttrain.files import write_whole
from posttrain.report.charts.lines import HEIGHT, WIDTH, Series, line_chart
from posttrain.report.charts.svg import element, words
from posttrain.report.curves import MOST_LINES, curves_of, series_of
from posttrain.report.picked import picked_curves
from posttrain.report.record import RunRecord, StageRecord, read_run
from posttrain.report.run_files import expected
from posttrain.report.wording import listed

PICTURE = "curves.svg"
"""The name of the picture in a run's folder."""

COLUMNS = 3
MARGIN, GAP, TITLE, HEADING = 28.0, 26.0, 20.0, 34.0
"""Around the picture, between charts, above a chart for its title, above a stage's charts for its name."""
LETTERS = 50
"""The most letters of a chart's title."""

STYLE = """
text { font: 11px Segoe UI, Roboto, Noto Sans, Helvetica, Arial, sans-serif; fill: #1b1d21; }
.page { fill: #fff; } .rule { stroke: #d9d9d2; }
.run { font-size: 19px; font-weight: 600; } .stage { font-size: 15px; font-weight: 600; } .name { font-size: 13px; }
.tick { fill: #565b66; } .legend { font-size: 12px; } .grid { stroke: #e4e4de; }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; } .mark { fill: #fff; stroke-width: 1.5; }
.s0 { stroke: #1f5fbf; } .s1 { stroke: #b3470a; } .s2 { stroke: #1d7a5a; } .s3 { stroke: #7b3fa0; }
.line.s1 { stroke-dasharray: 6 3; } .line.s2 { stroke-dasharray: 2 3; } .line.s3 { stroke-dasharray: 9 3 2 3; }
.mark.s0 { fill: #1f5fbf; } .mark.s2 { fill: #1d7a5a; }
"""
"""The style in plain colours, on white: programs that open SVG know no variables, and some know no dark mode."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart with the title above it."""

    title: str
    chart: Markup


def write_picture(folders: Sequence[Path], *, stage: str | None = None, file: Path | None = None) -> Path:
    """Write the picture of the runs in these folders atomically. A run may still be at work.

    Args:
        stage: the only stage to show.
        file: the picture, .svg or .html; ``curves.svg`` in the run's folder if unset.

    Returns:
        the picture's path.

    Raises:
        InputError: a folder is no run's, a file in it is broken, there is nothing to draw, or the picture cannot be
            written.
    """
    if len(folders) > MOST_LINES:
        raise InputError(f"a chart has at most {MOST_LINES} lines, so at most {MOST_LINES} runs; name fewer runs")
    if file is None and len(folders) > 1:
        raise InputError("--out: name the file of the picture of several runs, such as curves.svg")
    if file is not None and file.suffix not in (".svg", ".html"):
        raise InputError(f"--out {file}: the picture is an SVG or HTML file; end its name with .svg or .html")
    runs = [read_run(folder) for folder in folders]
    path = file or runs[0].folder / PICTURE
    title = listed(_names(runs))
    drawn = picture(title, _stages(runs, stage))
    write_whole(path, str(drawn if path.suffix == ".svg" else _page(title, drawn)))
    return path


def picture(title: str, stages: Sequence[tuple[str, Sequence[Panel]]]) -> Markup:
    """The picture as SVG.

    Args:
        stages: (heading, charts) of each stage, none of them without charts.
    """
    columns = min(COLUMNS, max(len(panels) for _, panels in stages))
    width = 2 * MARGIN + columns * WIDTH + (columns - 1) * GAP
    parts, y = [words(MARGIN, MARGIN + 14, title, class_="run")], MARGIN + 30
    for heading, panels in stages:
        parts += [
            element("line", x1=MARGIN, y1=y, x2=width - MARGIN, y2=y, class_="rule"),
            words(MARGIN, y + 24, heading, class_="stage"),
        ]
        y += HEADING
        for start in range(0, len(panels), columns):
            for number, panel in enumerate(panels[start : start + columns]):
                parts += _placed(panel, MARGIN + number * (WIDTH + GAP), y)
            y += TITLE + HEIGHT + GAP / 2
    size = {"width": width, "height": y + MARGIN / 2}
    ground = element("rect", class_="page", **size)
    style = Markup("<style>{}</style>").format(STYLE)
    space = {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {size['width']:g} {size['height']:g}"}
    return element("svg", style, ground, *parts, **space, **size)


def _placed(panel: Panel, x: float, y: float) -> list[Markup]:
    title = panel.title if len(panel.title) <= LETTERS else f"{panel.title[: LETTERS - 1]}…"
    return [
        words(x, y + 13, title, class_="name"),
        element("svg", panel.chart, x=x, y=y + TITLE, width=WIDTH, height=HEIGHT),
    ]


def _page(title: str, drawn: Markup) -> Markup:
    """The picture on an HTML page that scales it to the window."""
    head = Markup('<!doctype html><html lang="en"><meta charset="utf-8"><title>{}</title>').format(title)
    style = Markup("<style>body { margin: 0; } body > svg { max-width: 100%; height: auto; }</style>")
    return Markup("").join([head, style, "<body>", drawn, "</body></html>\n"])


def _stages(runs: Sequence[RunRecord], only: str | None) -> list[tuple[str, list[Panel]]]:
    """The stages that have charts, in the order of their runs.

    Raises:
        InputError: there are none, or no stage has that name.
    """
    names = list(dict.fromkeys(stage.name for run in runs for stage in run.stages))
    if only is not None and only not in names:
        raise InputError(f"--stage {only}: there is no such stage; the stages are {', '.join(names)}")
    stages = [(name, [next((s for s in run.stages if s.name == name), None) for run in runs]) for name in names]
    chosen = [records for name, records in stages if only is None or name == only]
    own = _names(runs)
    drawn = [(_heading(records, own), list(_panels(records, own))) for records in chosen]
    if not any(panels for _, panels in drawn):
        raise InputError(
            f"{listed([str(run.folder) for run in runs])}: there is nothing to draw yet; a training stage has curves "
            "when it has measured two steps"
        )
    return [(heading, panels) for heading, panels in drawn if panels]


def _heading(records: Sequence[StageRecord | None], names: Sequence[str]) -> str:
    """The stage's name, its kind if that is another word, and the runs in which it is not finished."""
    known = [(name, record) for name, record in zip(names, records, strict=True) if record is not None]
    stage = known[0][1].name
    kinds = [kind for kind in dict.fromkeys(record.kind for _, record in known) if kind != stage]
    unfinished = [name for name, record in known if record.state != "done"]
    ending = f", not finished{f' in {listed(unfinished)}' if len(names) > 1 else ''}" if unfinished else ""
    return f"{stage}{f' ({listed(kinds)})' if kinds else ''}{ending}"


def _panels(records: Sequence[StageRecord | None], names: Sequence[str]) -> Iterator[Panel]:
    """The charts of a stage. Those of several runs have a line for each run."""
    known = [(name, record) for name, record in zip(names, records, strict=True) if record is not None]
    lines: dict[str, list[Series]] = {}
    for name, record in known:
        with expected(record.folder / "metrics.jsonl"):
            if len(names) == 1:
                curves = [*curves_of(record.metrics), *picked_curves(record)]
                yield from (Panel(curve.title, curve.chart) for curve in curves)
                return
            for family, series in series_of(record.metrics):
                for one in series:
                    lines.setdefault(f"{family.title}: {one.label}", []).append(Series(name, one.points))
    for title, series in lines.items():
        yield Panel(title, line_chart(title, series))


def _names(runs: Sequence[RunRecord]) -> list[str]:
    """A name for each run: its own, or its folder where several have the same."""
    names = [run.name for run in runs]
    return [printable_text(run.folder if names.count(run.name) > 1 else run.name) for run in runs]
