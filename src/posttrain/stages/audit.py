"""The data audit as a stage: its findings are written down; findings that block stop the run, unless waived by name."""

from typing import Any

from posttrain.audit.command import check_names, refuse, write_report
from posttrain.audit.rows.source import Source
from posttrain.audit.run import Report, audit, with_more
from posttrain.data.files.read import read_rows
from posttrain.data.options import DataOptions, DataSource
from posttrain.data.sets.split import TRAIN
from posttrain.data.summary import DataSummary
from posttrain.recipe.stages.audit import AuditStage
from posttrain.stages.budget import Budget, budget, budget_findings
from posttrain.stages.context import Context, Figure
from posttrain.stages.inputs import renderer_for
from posttrain.stages.runner import Preview, Runner


def run_audit(stage: AuditStage, context: Context) -> dict[str, Figure]:
    """Audit, write ``findings.json`` and ``report.html`` into the stage's folder, and refuse what blocks.

    Raises:
        InputError: a finding blocks and is not waived.
    """
    report = _report(stage, context)
    check_names("waive", stage.waive, report)
    write_report(report, context.folder, stage.waive)
    for one in report.findings:
        if one.severity != "info":
            waived = ", waived" if one.severity == "block" and one.name in stage.waive else ""
            context.screen.note(f"{one.severity}{waived}: {one.name}: {one.count:,} {one.what}")
    refuse(report.blocking, stage.waive)
    counts = {severity: sum(one.severity == severity for one in report.findings) for severity in ("warn", "info")}
    waived = [one for one in report.blocking if one.name in stage.waive]
    figures = {"findings/waived": len(waived)} | {f"findings/{name}": n for name, n in counts.items()}
    return {name: Figure(None, float(n), report.rows, unit="count", of="rows") for name, n in figures.items()}


def _preview(stage: AuditStage, context: Context) -> Preview:
    """What a run would read; nothing is trained."""
    rows = sum(1 for source in stage.data for _ in read_rows(source.path, base=context.base))
    return Preview(DataSummary.of_rows(rows), 0, {}, ())


def _report(stage: AuditStage, context: Context) -> Report:
    def sources(some: tuple[DataSource, ...]) -> list[Source]:
        return [Source(s.path, s.columns, s.task, s.rows, context.base) for s in some]

    report = audit(sources(stage.data), against=sources(stage.against), screen=context.screen, presidio=stage.presidio)
    kinds = {about["kind"] for about in report.files.values() if not about["evaluation"]}
    if (
        "unreadable-row" in {one.name for one in report.blocking}
        or not kinds <= {"sft", "preference"}
        or len(kinds) > 1
    ):
        return report
    found = _budget(stage, kinds.pop(), context)
    return with_more(report, budget_findings(found), {"budget": budget_figures(found)})


def _budget(stage: AuditStage, kind: Any, context: Context) -> Budget:
    renderer = renderer_for(stage, context, trust_remote_code=stage.trust_remote_code)
    options = DataOptions.model_validate({"data": [source.model_dump() for source in stage.data]})
    with context.screen.bar("token budget", None) as advance:
        return budget(options, renderer, context, kind=kind, part_of=lambda example: TRAIN, advance=advance)


def budget_figures(found: Budget) -> dict[str, Any]:
    """A budget's counts, for ``findings.json``."""
    return {
        "kept": found.kept,
        "held_out": found.held_out,
        "tokens": found.tokens,
        "left_out": {reason: len(places) for reason, places in found.left_out.items()},
        "noted": {note: len(places) for note, places in found.noted.items()},
    }


RUNNER = Runner(run_audit, _preview)
