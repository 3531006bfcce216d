"""The graph from data to models: a row for each stage, with its data on the left and its model on the right."""

from collections.abc import Sequence
from pathlib import PurePath

from markupsafe import Markup

from posttrain.report.charts.svg import drawing, element, words
from posttrain.report.lineage import DataNode, Lineage, StageNode

WIDTH = 730.0
DATA, STAGE, MODEL = (10.0, 220.0), (280.0, 140.0), (460.0, 180.0)
"""Left edge and width of the boxes of each column."""
BOX, GAP, ROW_GAP = 36.0, 6.0, 20.0
FILES = 4
"""The most files that a stage shows in the graph."""

LANES = 5
_LANE = 15.0


def lineage_chart(graph: Lineage) -> Markup:
    """The graph as SVG. Each arrow begins at what is used and ends at the stage that uses it."""
    parts: list[Markup] = [_box(MODEL, 10, graph.base, f"start model {graph.base_hash}".strip(), "model")]
    rights: dict[str, tuple[float, float]] = {"": (MODEL[0] + MODEL[1], 10 + BOX / 2)}
    lanes = {source: n for n, source in enumerate(dict.fromkeys(s for node in graph.stages for s in node.sources))}
    top = 10 + BOX + ROW_GAP
    for node in graph.stages:
        shown = _shown(node.data)
        height = max(1, len(shown)) * (BOX + GAP) - GAP
        middle = top + height / 2
        for number, (name, below) in enumerate(shown):
            y = top + number * (BOX + GAP)
            parts.append(_box(DATA, y, name, below, "data"))
            parts.append(_curve(DATA[0] + DATA[1], y + BOX / 2, STAGE[0], middle))
        for number, source in enumerate(node.sources):
            if source in rights:
                parts.append(_route(rights[source], middle - BOX / 2, top - ROW_GAP / 2, lanes[source], number))
        parts.append(_box(STAGE, middle - BOX / 2, node.name, _state(node), "stage"))
        if node.model is not None:
            parts.append(_arrow(STAGE[0] + STAGE[1], middle, MODEL[0], middle))
            parts.append(_box(MODEL, middle - BOX / 2, f"model of {node.name}", node.model, "model"))
        last = STAGE if node.model is None else MODEL
        rights[node.name] = (last[0] + last[1], middle)
        top += height + ROW_GAP
    return drawing(WIDTH, top, _described(graph), *parts, class_="lineage")


def _state(node: StageNode) -> str:
    return node.kind if node.state == "done" else f"{node.kind}, {node.state}"


def _shown(data: Sequence[DataNode]) -> list[tuple[str, str]]:
    files = [(PurePath(node.name).name or node.name, f"{node.role} {node.hash}".strip()) for node in data]
    return files if len(files) <= FILES else [*files[: FILES - 1], (f"{len(files) - FILES + 1} more files", "")]


def _box(column: tuple[float, float], y: float, title: str, below: str, class_: str) -> Markup:
    x, width = column
    most = int(width / 8)
    text = title if len(title) <= most else f"{title[: most - 1]}…"
    return Markup("").join(
        [
            element("rect", x=x, y=y, width=width, height=BOX, rx=6, class_=f"box {class_}"),
            words(x + 9, y + (15 if below else 22), text, class_="name"),
            *([words(x + 9, y + 29, below, class_="below")] if below else []),
        ]
    )


def _curve(x1: float, y1: float, x2: float, y2: float) -> Markup:
    half = (x1 + x2) / 2
    return element(
        "path", d=f"M{x1:.1f} {y1:.1f}C{half:.1f} {y1:.1f} {half:.1f} {y2:.1f} {x2:.1f} {y2:.1f}", class_="edge"
    )


def _arrow(x1: float, y1: float, x2: float, y2: float) -> Markup:
    head = element("path", d=f"M{x2 - 6:.1f} {y2 - 4:.1f}l6 4l-6 4", class_="edge")
    return Markup("").join([element("path", d=f"M{x1:.1f} {y1:.1f}H{x2:.1f}", class_="edge"), head])


def _route(start: tuple[float, float], top: float, gap: float, lane: int, number: int) -> Markup:
    """From the right side of a model, down beside the models, and into the top of a later stage.

    Args:
        start: x and y; a stage that makes data and no model starts at its own right side.
        gap: the height of the way back to the column of the stages.
        lane: of the way down; each model has its own.
        number: of this way among those into the same stage.
    """
    (right, middle), side = start, MODEL[0] + MODEL[1] + 12 + _LANE * (lane % LANES)
    into, above = STAGE[0] + STAGE[1] / 2 + 16 * number, gap + 5 * number
    path = f"M{right:.1f} {middle:.1f}H{side:.1f}V{above:.1f}H{into:.1f}V{top:.1f}"
    head = element("path", d=f"M{into - 4:.1f} {top - 6:.1f}l4 6l4 -6", class_="edge")
    return Markup("").join([element("path", d=path, class_="edge"), head])


def _described(graph: Lineage) -> str:
    uses = {node.name: " and ".join(source or graph.base for source in node.sources) for node in graph.stages}
    stages = (f"{node.name} ({node.kind}) uses {uses[node.name] or 'data alone'}" for node in graph.stages)
    return f"From data to models. The start model is {graph.base}. {'. '.join(stages)}."
