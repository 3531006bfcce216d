"""The work of `posttrain audit` and `posttrain clean`, apart from their options."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from posttrain.audit.clean import clean_source
from posttrain.audit.report.write import report_folder, write_report
from posttrain.audit.rows.convention import parse_columns
from posttrain.audit.rows.source import AuditSource
from posttrain.audit.run import AuditReport, audit_sources
from posttrain.audit.waivers import check_finding_names, refuse_blocking
from posttrain.cli.show_audit import show_report
from posttrain.console import Screen

ON_COMMAND_LINE = "by --waive, without a reason"
"""The reason of a waiver that was given on the command line."""


def show_and_refuse(reports: dict[str, AuditReport], waive: Mapping[str, str], folder: Path, *, as_json: bool) -> None:
    """Show the reports, by stage or under "" for files.

    Raises:
        InputError: a waived name is unknown, or a finding blocks.
    """
    show_report(reports, waive, folder, to_json=as_json)
    for report in reports.values():
        check_finding_names("waive", waive, report)
    refuse_blocking([finding for report in reports.values() for finding in report.blocking], waive)


def audit_files(
    data: Sequence[str],
    against: Sequence[str],
    columns: str,
    waive: Sequence[str],
    out: Path | None,
    *,
    presidio: str | None,
    as_json: bool,
) -> None:
    """Audit files, write the report, and show it."""
    named = parse_columns(columns)
    sources, held_out = [AuditSource(path, named) for path in data], [AuditSource(path, {}) for path in against]
    report = audit_sources(sources, against=held_out, screen=Screen(quiet=as_json), presidio=presidio)
    waivers = dict.fromkeys(waive, ON_COMMAND_LINE)
    check_finding_names("waive", waivers, report)
    folder = out or report_folder(report)
    write_report(report, folder, waivers)
    show_and_refuse({"": report}, waivers, folder, as_json=as_json)


def clean_file(data: str, columns: str, keep: Sequence[str], out: Path, *, as_json: bool) -> None:
    """Write a copy of the data with the safe fixes, and a log of each change."""
    source = AuditSource(data, parse_columns(columns))
    report = audit_sources([source], screen=Screen(quiet=as_json))
    check_finding_names("keep", keep, report)
    counts = clean_source(source, report, out, keep)
    if as_json:
        print(json.dumps(asdict(counts), indent=2))
        return
    log = out.with_name(out.name.removesuffix(".jsonl") + ".log.jsonl")
    renamed = ". Columns keep their names: name them in the recipe as here" if source.columns else ""
    print(
        f"{out}: {counts.written:,} of {counts.read:,} rows; {counts.dropped:,} dropped, {counts.changed:,} changed. "
        f"Each is in {log}{renamed}"
    )
