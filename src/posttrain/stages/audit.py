"""The data audit as a stage. It writes its findings; a blocking finding stops the run unless the recipe waives it."""

from typing import Any

from posttrain.audit.report.write import write_report
from posttrain.audit.rows.rules import UNREADABLE
from posttrain.audit.rows.source import AuditSource
from posttrain.audit.run import AuditReport, audit_sources, with_more
from posttrain.audit.training.budget import Budget, budget_figures, budget_findings, token_budget
from posttrain.audit.waivers import check_finding_names, refuse_blocking
from posttrain.data.files.read import read_rows
from posttrain.data.formats.conventions import Kind
from posttrain.data.options import DataOptions, DataSource
from posttrain.data.sets.split import TRAIN
from posttrain.data.summary import DataSummary
from posttrain.recipe.stages.audit import AuditStage
from posttrain.stages.context import Context, Figure
from posttrain.stages.inputs import renderer_for
from posttrain.stages.runner import Preview, Runner

_KINDS: tuple[Kind, ...] = ("preference", "sft", "unpaired", "prompt")
"""The kinds of rows that a later stage may train on. The audit uses the first kind whose convention fits."""


def run_audit(stage: AuditStage, context: Context) -> dict[str, Figure]:
    """Audit the data, and write ``findings.json`` and ``report.html`` into the stage's folder.

    Raises:
        InputError: a blocking finding is not waived.
    """
    report = _report(stage, context)
    check_finding_names("waive", stage.waive, report)
    write_report(report, context.folder, stage.waive)
    for finding in report.findings:
        if finding.severity != "info":
            waived = ", waived" if finding.severity == "block" and finding.name in stage.waive else ""
            context.screen.note(f"{finding.severity}{waived}: {finding.name}: {finding.count:,} {finding.what}")
    refuse_blocking(report.blocking, stage.waive)
    severities = [finding.severity for finding in report.findings]
    counts = {severity: severities.count(severity) for severity in ("warn", "info")}
    waived = [finding for finding in report.blocking if finding.name in stage.waive]
    figures = {"findings/waived": len(waived)} | {f"findings/{name}": n for name, n in counts.items()}
    return {name: Figure(None, float(n), report.rows, unit="count", of="rows") for name, n in figures.items()}


def _preview(stage: AuditStage, context: Context) -> Preview:
    """Count the rows that a run would read; nothing is trained."""
    rows = sum(1 for source in stage.data for _ in read_rows(source.path, base=context.base))
    return Preview(DataSummary.of_rows(rows), 0, {}, ())


def _report(stage: AuditStage, context: Context) -> AuditReport:
    def sources(data: tuple[DataSource, ...], kinds: tuple[Kind, ...]) -> list[AuditSource]:
        return [AuditSource(s.path, s.columns, s.task, s.rows, context.base, kinds) for s in data]

    report = audit_sources(
        sources(stage.data, _KINDS),
        against=sources(stage.against, ()),
        screen=context.screen,
        presidio=stage.presidio,
    )
    kinds = {about["kind"] for about in report.files.values() if not about["evaluation"]}
    if (
        UNREADABLE.name in {finding.name for finding in report.blocking}
        or not kinds <= {"sft", "preference", "unpaired"}
        or len(kinds) > 1
    ):
        return report
    budget = _budget(stage, kinds.pop(), context)
    return with_more(report, budget_findings(budget), {"budget": budget_figures(budget)})


def _budget(stage: AuditStage, kind: Any, context: Context) -> Budget:
    renderer = renderer_for(stage, context, trust_remote_code=stage.trust_remote_code)
    options = DataOptions.model_validate({"data": [source.model_dump() for source in stage.data]})
    with context.screen.bar("token budget", None) as advance:
        return token_budget(options, renderer, context.base, kind=kind, part_of=lambda example: TRAIN, advance=advance)


RUNNER = Runner(run_audit, _preview)
