"""A report at a terminal and as JSON."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from posttrain.audit.findings import Finding, told
from posttrain.audit.report.page import grouped
from posttrain.audit.run import Report
from posttrain.console import printable_text

_COLOURS = {"block": "bold red", "warn": "yellow", "info": "cyan"}
_PLACES = 5


def as_json(report: Report, waived: Collection[str] = ()) -> dict[str, Any]:
    """``findings.json``."""
    return {
        "files": report.files,
        "rows": report.rows,
        "waived": sorted(set(waived) & {one.name for one in report.findings}),
        "findings": [told(one) for one in report.findings],
        "figures": report.figures,
    }


def show(report: Report, waived: Collection[str] = ()) -> None:
    """Findings, the worst first: how many, what, the first places, what to do."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

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
            Text.assemble(one.what, (f"\n{_places(one)}", "dim"), f"\n→ {one.fix}"),
        )
    console.print(table)


def _places(one: Finding) -> str:
    if not one.rows:
        return ""
    more = f" and {len(one.rows) - _PLACES:,} more" if len(one.rows) > _PLACES else ""
    example = next((f"\n{printable_text(' '.join(e.text.split()))[:100]}" for e in one.examples), "")
    files = (f"{Path(file).name}:{', '.join(lines)}" for file, lines in grouped(one.rows[:_PLACES]).items())
    return "; ".join(files) + more + example
