"""Rows of the page's tables, as text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from posttrain.report.changes import ResultChange, Sign
from posttrain.report.charts.dots import DotRow, dot_plot, dumbbell
from posttrain.report.record import RunRecord, StageRecord
from posttrain.report.results import ModelResults, ResultKey, result_key_of
from posttrain.report.wording import (
    estimate_text,
    gate_text,
    interval_text,
    number_text,
    p_text,
    signed_interval,
    signed_text,
)
from posttrain.statistics.estimate import Unit

SYMBOLS: Mapping[Sign, str] = {
    "better": "▲",
    "worse": "▼",
    "rose": "▲",
    "fell": "▼",
    "undecided": "◆",
    "not tested": "–",
    "new": "–",
}
"""The mark of a change, so that no reader depends on colour."""

NEW = "first measured"
"""The word of a result that the model before does not have."""


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A change as text, with its small plot."""

    label: str
    plot: Markup
    before: str
    after: str
    interval: str
    difference: str
    difference_interval: str
    n: str
    p: str
    test: str
    sign: str
    symbol: str
    word: str


def change_row(change: ResultChange) -> ChangeRow:
    """A change as a row of a table."""
    before, after, test = change.before, change.after.estimate, change.test
    earlier = None if before is None else before.estimate
    text = f"{change.after.key.label}: {estimate_text(earlier)} before, {estimate_text(after)} after, {change.sign}"
    return ChangeRow(
        label=change.after.key.label,
        plot=dumbbell(text, earlier, after, change.sign),
        before=estimate_text(earlier),
        after=estimate_text(after),
        interval=interval_text(after.interval, after.unit),
        difference="–" if change.difference is None else signed_text(change.difference, after.unit),
        difference_interval=signed_interval(test.interval if test else None, after.unit),
        n=f"{test.n if test else after.n:,}",
        p="" if change.p is None else p_text(change.p),
        test="" if test is None else test.test,
        sign=change.sign.replace(" ", "-"),
        symbol=SYMBOLS[change.sign],
        word=NEW if change.sign == "new" else change.sign,
    )


def figure_cells_of(stage: StageRecord) -> list[tuple[str, str, str, str, str]]:
    """(metric, before, after, interval, n) of the figures of a stage that are no results of suites."""
    suites = {key.suite for key in stage.results.lines} if stage.results else set[str]()
    rows: list[tuple[str, str, str, str, str]] = []
    for name, figure in stage.figures.items():
        if name.partition("[")[0].partition("/")[0] not in suites:
            unit, n = figure.get("unit", "value"), f"{figure.get('n', 0):,} {figure.get('of', '')}".strip()
            values = (number_text(figure.get("before"), unit), number_text(figure.get("after"), unit))
            rows.append((name, *values, interval_text(figure.get("interval"), unit), n))
    return rows


def measure_plots(run: RunRecord, most: int) -> tuple[list[tuple[str, Markup]], int]:
    """(title, plot) of each result over all models, and the number of results that are left out."""
    models: list[tuple[str, ModelResults]] = [] if run.base is None else [("start model", run.base)]
    models += [(stage.name, stage.results) for stage in run.stages if stage.results is not None]
    keys: dict[ResultKey, None] = dict.fromkeys(key for _, results in models for key in results.lines)
    plots: list[tuple[str, Markup]] = []
    for key in keys:
        found = [(name, results.lines[key].estimate) for name, results in models if key in results.lines]
        rows = [DotRow(name, one, estimate_text(one)) for name, one in found if one.value is not None]
        if rows:
            plots.append((key.label, dot_plot(key.label, rows)))
    return plots[:most], max(0, len(plots) - most)


@dataclass(frozen=True, slots=True)
class GateRow:
    """A gate as text."""

    stage: str
    gate: str
    outcome: str
    symbol: str
    value: str
    needed: str
    evidence: str
    waiver: str


_OUTCOMES = {"pass": "▲", "fail": "▼", "inconclusive": "◆"}


def gate_unit(run: RunRecord, gate: Mapping[str, Any]) -> Unit:
    """The unit of the result that a gate is about."""
    if "key" not in gate:
        return "value"
    key = result_key_of(str(gate["key"]))
    known = [stage.results.lines for stage in run.stages if stage.results is not None]
    units: list[Unit] = [lines[key].estimate.unit for lines in known if key in lines]
    return units[-1] if units else "value"


def gate_row(gate: Mapping[str, Any], unit: Unit) -> GateRow:
    """A gate of ``gates.json`` as a row of a table."""
    reference, waiver = gate.get("reference"), gate.get("waiver")
    if reference:
        needed = f"{reference['stage']}: {number_text(reference['value'], unit)}"
        needed += f", margin {number_text(gate['margin'], unit)}" if gate.get("margin") is not None else ""
    else:
        needed = number_text(gate.get("threshold"), unit)
    tested = gate.get("difference") is not None
    between = signed_interval(gate.get("interval"), unit) if tested else interval_text(gate.get("interval"), unit)
    evidence = [
        f"difference {signed_text(gate['difference'], unit)}" if tested else "",
        f"95% interval {between}" if between else "",
        f"{gate['n']:,} answers" if gate.get("n") else "",
        str(gate.get("test") or ""),
        f"p (fail) {p_text(gate['p_fail'])}" if gate.get("p_fail") is not None else "",
        f"a change of {number_text(gate['detectable'], unit)} could be seen" if gate.get("detectable") else "",
    ]
    return GateRow(
        str(gate.get("stage") or "whole run"),
        gate_text(gate),
        str(gate["outcome"]),
        _OUTCOMES.get(str(gate["outcome"]), "–"),
        number_text(gate.get("value"), unit),
        needed,
        "; ".join(part for part in evidence if part),
        f"{waiver['by']}: {waiver['reason']}" if waiver else "",
    )


def ordered_changes(changes: Sequence[ResultChange]) -> list[ChangeRow]:
    """The rows of a stage: losses first, then gains, then the rest."""
    order = {"worse": 0, "fell": 1, "better": 2, "rose": 3}
    return [change_row(change) for change in sorted(changes, key=lambda one: order.get(one.sign, 4))]
