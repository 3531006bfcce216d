"""Audits of files, as tests ask for them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from posttrain.audit.findings import Finding
from posttrain.audit.rows.source import AuditSource
from posttrain.audit.run import AuditReport, audit_sources
from posttrain.console import Screen

Write = Callable[[str, Iterable[Mapping[str, Any]]], Path]


def look(*paths: Path, against: Sequence[Path] = (), workers: int | None = 1, **columns: str) -> AuditReport:
    """Audit some files in this process."""
    sources = [AuditSource(str(path), columns) for path in paths]
    held = [AuditSource(str(path), columns) for path in against]
    return audit_sources(sources, against=held, screen=Screen(quiet=True), workers=workers)


def by_name(report: AuditReport) -> dict[str, Finding]:
    """Finding by name."""
    return {one.name: one for one in report.findings}


def lines_of(one: Finding | None) -> list[int]:
    """The line of each row of a finding."""
    return [] if one is None else [int(where.rpartition(":")[2]) for where in one.rows]
