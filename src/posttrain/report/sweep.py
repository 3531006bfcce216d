"""A sweep: the figures of its runs side by side, and which differences between values exceed noise."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from markupsafe import Markup

from posttrain.files import write_json, write_whole
from posttrain.report.changes import changes_between, with_corrected_p
from posttrain.report.charts.dots import DotRow, dot_plot
from posttrain.report.record import RunRecord, StageRecord
from posttrain.report.rendering import render_page
from posttrain.report.results import ModelResults
from posttrain.report.sweep_results import FigureRow, PairTest, SweepReport, SweepRun
from posttrain.report.wording import listed, number_text
from posttrain.statistics.estimate import Estimate


def sweep_report(runs: Sequence[SweepRun]) -> SweepReport:
    """Compare the runs of a sweep."""
    stages = dict.fromkeys(stage.name for run in runs if run.record for stage in run.record.stages)
    shared = tuple(name for name in stages if _is_shared([_stage(run, name) for run in runs]))
    rows = tuple(row for name in stages if name not in shared for row in _rows(name, runs))
    return SweepReport(tuple(runs), shared, rows, tuple(_tests(runs, shared)))


def write_sweep(folder: Path, report: SweepReport) -> Path:
    """Write ``sweep.json`` and ``sweep.html``.

    Returns:
        the page's path.
    """
    write_json(folder / "sweep.json", report.as_json())
    plots = [(f"{row.stage}: {row.metric}", _plot(row, report.runs)) for row in report.rows]
    keys = listed(list(report.runs[0].values))
    write_whole(folder / "sweep.html", render_page("sweep.html.jinja", report=report, keys=keys, plots=plots))
    return folder / "sweep.html"


def _stage(run: SweepRun, name: str) -> StageRecord | None:
    stages = run.record.stages if run.record is not None else ()
    return next((stage for stage in stages if stage.name == name and stage.done), None)


def _is_shared(stages: Sequence[StageRecord | None]) -> bool:
    prints = {stage.done.get("fingerprint") for stage in stages if stage is not None}
    return len(prints) == 1 and None not in stages


def _rows(name: str, runs: Sequence[SweepRun]) -> Iterator[FigureRow]:
    """The figures of a stage, without those of slices."""
    stages = [_stage(run, name) for run in runs]
    metrics = dict.fromkeys(key for stage in stages if stage is not None for key in stage.figures if "[" not in key)
    for metric in metrics:
        estimates = [None if stage is None else _estimate(stage.figures.get(metric)) for stage in stages]
        yield FigureRow(name, metric, tuple(estimates))


def _estimate(figure: Mapping[str, Any] | None) -> Estimate | None:
    if figure is None or figure.get("after") is None:
        return None
    ends = figure.get("interval")
    interval = None if ends is None else (float(ends[0]), float(ends[1]))
    return Estimate(float(figure["after"]), int(figure.get("n", 0)), interval, figure.get("unit", "value"))


def _tests(runs: Sequence[SweepRun], shared: Sequence[str]) -> list[PairTest]:
    """Each suite result of each pair of runs, over the last stage that the suite measures."""
    tests: list[PairTest] = []
    for first, second in combinations(runs, 2):
        if first.record is None or second.record is None:
            continue
        suites = {**first.record.recipe.get("suites", {}), **second.record.recipe.get("suites", {})}
        before, after = _last_results(first.record), _last_results(second.record)
        for suite, (stage, results) in after.items():
            if before.get(suite, ("", None))[0] != stage or stage in shared:
                continue
            for change in changes_between(before[suite][1], results, suites, shared_only=True):
                if change.test is not None and change.after.key.part is None:
                    tests.append(PairTest(first.label, second.label, stage, change))
    corrected = with_corrected_p([test.change for test in tests])
    pairs = zip(tests, corrected, strict=True)
    return [PairTest(test.first, test.second, test.stage, change) for test, change in pairs]


def _last_results(run: RunRecord) -> dict[str, tuple[str, ModelResults]]:
    """Suite → the last stage that it measured, and the stage's results of this suite."""
    found: dict[str, tuple[str, ModelResults]] = {}
    for stage in run.stages:
        for suite in dict.fromkeys(key.suite for key in (stage.results.lines if stage.results else ())):
            assert stage.results is not None
            lines = {key: line for key, line in stage.results.lines.items() if key.suite == suite}
            found[suite] = (stage.name, ModelResults(stage.results.folder, lines))
    return found


def _plot(row: FigureRow, runs: Sequence[SweepRun]) -> Markup:
    known = [(run, estimate) for run, estimate in zip(runs, row.estimates, strict=True) if estimate is not None]
    rows = [DotRow(run.label, estimate, number_text(estimate.value, estimate.unit)) for run, estimate in known]
    return dot_plot(f"{row.stage}: {row.metric}", rows) if rows else Markup("")
