"""An audit report on standard output, as a table or as JSON."""

import json
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from posttrain.audit.findings import Finding
from posttrain.audit.report.page import grouped
from posttrain.audit.report.write import report_json
from posttrain.audit.run import AuditReport
from posttrain.console import printable_text

_COLOURS = {"block": "bold red", "warn": "yellow", "info": "cyan"}
_PLACES = 5


def show_report(reports: Mapping[str, AuditReport], waived: Mapping[str, str], out: Path, *, to_json: bool) -> None:
    """Print reports by stage, or one without a name."""
    if to_json:
        by_stage = {name: report_json(report, waived) for name, report in reports.items()}
        print(json.dumps(by_stage.get("", by_stage), indent=2, ensure_ascii=False))
        return
    for name, report in reports.items():
        if name:
            print(f"\n{name}")
        _show_findings(report, waived)
    print(f"All rows of each finding are in {out}/ (findings.json, report.html)")


def _show_findings(report: AuditReport, waived: Mapping[str, str]) -> None:
    """Print the findings, the worst first: count, fault, first places, fix."""
    console = Console(highlight=False)
    for path, about in report.files.items():
        use = "to evaluate on" if about["evaluation"] else about["convention"] or "no known convention"
        console.print(f"{path}: {about['rows']:,} rows, {use}", markup=False)
    if not report.findings:
        console.print("Nothing found.")
        return
    table = Table("", "finding", box=None, pad_edge=False)
    table.add_column("count", justify="right")
    table.add_column("what, where, what to do", ratio=1)
    for one in report.findings:
        severity = "waived" if one.severity == "block" and one.name in waived else one.severity
        table.add_row(
            Text(severity, style=_COLOURS.get(severity, "dim")),
            Text(one.name),
            f"{one.count:,}",
            Text.assemble(one.what, (f"\n{_places(one)}", "dim"), f"\n→ {_waiver(one, waived) or one.fix}"),
        )
    console.print(table)


def _waiver(one: Finding, waived: Mapping[str, str]) -> str:
    """Why a blocking finding is waived; empty where it is not."""
    return f"waived: {waived[one.name]}" if one.severity == "block" and one.name in waived else ""


def _places(one: Finding) -> str:
    if not one.rows:
        return ""
    more = f" and {len(one.rows) - _PLACES:,} more" if len(one.rows) > _PLACES else ""
    example = next((f"\n{printable_text(' '.join(e.text.split()))[:100]}" for e in one.examples), "")
    files = (f"{Path(file).name}:{', '.join(lines)}" for file, lines in grouped(one.rows[:_PLACES]).items())
    return "; ".join(files) + more + example
