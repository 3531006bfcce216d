"""The report as one self-contained HTML page without scripts."""

from collections.abc import Sequence
from dataclasses import dataclass

from posttrain.report.changes import ResultChange, stage_changes
from posttrain.report.charts.graph import lineage_chart
from posttrain.report.cost import costs_of, total_seconds
from posttrain.report.curves import Curve, curves_of
from posttrain.report.data_checks import audits_of
from posttrain.report.examples import examples_of
from posttrain.report.glossary import GLOSSARY, KINDS
from posttrain.report.headline import headline
from posttrain.report.imported import imported_of
from posttrain.report.lineage import lineage
from posttrain.report.people import rankings_of
from posttrain.report.picked import picked_curves
from posttrain.report.record import RunRecord, StageRecord
from posttrain.report.rendering import render_page
from posttrain.report.repeat import how_to_repeat
from posttrain.report.run_files import expected
from posttrain.report.tables import ChangeRow, figure_cells_of, gate_row, gate_unit, measure_plots, ordered_changes
from posttrain.report.two_runs import two_runs

PLOTS = 24
"""The most plots over all models."""


@dataclass(frozen=True, slots=True)
class StageSection:
    """A stage on the page."""

    record: StageRecord
    about: str
    rows: Sequence[ChangeRow]
    figures: Sequence[tuple[str, str, str, str, str]]
    curves: Sequence[Curve]


def run_page(run: RunRecord, other: RunRecord | None = None) -> str:
    """The HTML of the page.

    Args:
        other: a run to compare with.

    Raises:
        InputError: a file of a run is broken.
    """
    changes = {stage.name: stage_changes(run, stage) for stage in run.stages}
    plots, more_plots = measure_plots(run, PLOTS)
    costs = costs_of(run)
    with expected(run.folder / "gates.json"):
        gates, verdict = [gate_row(gate, gate_unit(run, gate)) for gate in run.gates or ()], headline(run, changes)
    return render_page(
        "page.html.jinja",
        run=run,
        headline=verdict,
        graph=lineage_chart(lineage(run)),
        audits=audits_of(run),
        sections=[_section(stage, changes[stage.name]) for stage in run.stages],
        undirected=any(change.after.better is None for found in changes.values() for change in found),
        plots=plots,
        more_plots=more_plots,
        suites=examples_of(run),
        rankings=rankings_of(run),
        gates=gates,
        imported=imported_of(run),
        costs=costs,
        total=total_seconds(costs),
        repeat=how_to_repeat(run),
        glossary=GLOSSARY,
        compared=None if other is None else two_runs(run, other),
    )


def _section(stage: StageRecord, changes: Sequence[ResultChange]) -> StageSection:
    about = KINDS.get(stage.kind, stage.kind)
    with expected(stage.folder / "stage.json"):
        figures = figure_cells_of(stage)
    with expected(stage.folder / "metrics.jsonl"):
        curves = [*curves_of(stage.metrics), *picked_curves(stage)]
        return StageSection(stage, about, ordered_changes(changes), figures, curves)
