"""`audit`: what is wrong with data, before anything is trained on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posttrain.api.display import Displayed, Sheet
from posttrain.api.recipes import LoadedRecipe
from posttrain.api.recipes import recipe as load
from posttrain.api.sources import Paths, paths_of
from posttrain.audit.findings import Finding
from posttrain.audit.report.write import write_report
from posttrain.audit.rows.source import AuditSource
from posttrain.audit.run import AuditReport, audit_sources
from posttrain.console import Screen
from posttrain.errors import InputError
from posttrain.pipeline.audit import audit_recipe

PLACES = 3
"""Rows of a finding that the table shows; `Finding.rows` has all."""


@dataclass(frozen=True, slots=True, repr=False)
class AuditResult(Displayed):
    """The result of an audit.

    Args:
        reports: a stage's name → its report; of files there is one report, under "".
    """

    reports: Mapping[str, AuditReport]

    @property
    def findings(self) -> list[Finding]:
        """All findings, the worst first."""
        return [one for report in self.reports.values() for one in report.findings]

    @property
    def blocking(self) -> list[Finding]:
        """The findings that stop a run."""
        return [one for report in self.reports.values() for one in report.blocking]

    @property
    def rows(self) -> int:
        """Examples to train on."""
        return sum(report.rows for report in self.reports.values())

    def write(self, folder: str | Path) -> Path:
        """Write ``findings.json`` and ``report.html`` into a folder; of a recipe, into a folder for each stage."""
        for name, report in self.reports.items():
            write_report(report, Path(folder) / name, {})
        return Path(folder)

    def sheet(self) -> Sheet:
        """The findings as a table."""
        rows = [(name, *_finding(one)) for name, report in self.reports.items() for one in report.findings]
        headings = ("stage", "severity", "finding", "count", "what", "first rows", "what to do")
        if set(self.reports) == {""}:
            headings, rows = headings[1:], [row[1:] for row in rows]
        counts = f"rows: {self.rows:,}, findings: {len(self.findings)}, of which block a run: {len(self.blocking)}"
        return Sheet(f"Audit: {counts}", headings, rows)


def audit(
    data: Paths | Mapping[str, Any] | LoadedRecipe,
    *,
    columns: Mapping[str, str] = {},
    against: Paths = (),
    presidio: str | None = None,
    quiet: bool = False,
) -> AuditResult:
    """Look at data before anything is trained on it. What blocks is in the result, and raises nothing.

    Args:
        data: files; or a recipe (a mapping, a ``.yaml`` file or a loaded one), whose stages' data is then audited with
            their own tokenizers, templates, lengths and rewards.
        columns: our name → the files' name, where they differ.
        against: evaluation data that must not be among the rows.
        presidio: a spaCy model's name, or ``blank``: look for personal data with Presidio too.
        quiet: print no progress.

    Raises:
        InputError: a file is not there, or there is nothing to audit.
    """
    screen, held_out = Screen(quiet=quiet), paths_of(against)
    if isinstance(data, Mapping | LoadedRecipe) or (
        isinstance(data, str | Path) and Path(data).suffix in {".yaml", ".yml"}
    ):
        if columns:
            raise InputError("columns: a recipe names its columns itself; leave columns out")
        loaded = load(data, inputs=False)
        reports = audit_recipe(loaded.recipe, loaded.base, (), held_out, screen, presidio=presidio)
        return AuditResult(dict(reports))
    if not paths_of(data):
        raise InputError("audit: name the files to look at, or a recipe")
    report = audit_sources(
        [AuditSource(path, columns) for path in paths_of(data)],
        against=[AuditSource(path, {}) for path in held_out],
        screen=screen,
        presidio=presidio,
    )
    return AuditResult({"": report})


def _finding(one: Finding) -> tuple[str, ...]:
    more = f" and {len(one.rows) - PLACES:,} more" if len(one.rows) > PLACES else ""
    return one.severity, one.name, f"{one.count:,}", one.what, ", ".join(one.rows[:PLACES]) + more, one.fix
