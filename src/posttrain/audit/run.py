"""A whole audit: it reads every row once, compares all rows, and reads a few rows again for examples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from posttrain.audit.checks.contradictions import contradictions
from posttrain.audit.checks.presidio import presidio_findings
from posttrain.audit.checks.reading import reading_findings
from posttrain.audit.checks.table_checks import TABLE_CHECKS
from posttrain.audit.checks.unread_columns import column_findings
from posttrain.audit.findings import Finding, finding, sorted_findings
from posttrain.audit.rows.read_table import read_table
from posttrain.audit.rows.source import AuditSource
from posttrain.audit.rows.table import Table
from posttrain.audit.similarity.duplicates import duplicates
from posttrain.audit.similarity.leakage import leakage
from posttrain.console import Screen


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The result of an audit.

    Args:
        files: path → how the file was read, and its number of rows.
        rows: number of training examples.
        findings: the findings, the worst first.
        figures: measurements besides the findings, by topic.
    """

    files: Mapping[str, Mapping[str, Any]]
    rows: int
    findings: list[Finding]
    figures: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def blocking(self) -> list[Finding]:
        """The findings that stop a run."""
        return [finding for finding in self.findings if finding.severity == "block"]


def audit_sources(
    sources: Sequence[AuditSource],
    *,
    against: Sequence[AuditSource] = (),
    screen: Screen,
    workers: int | None = None,
    presidio: str | None = None,
) -> AuditReport:
    """Audit all rows of the sources.

    Args:
        against: evaluation data, none of which may be in the sources.
        workers: number of processes; one per core if None.
        presidio: the spaCy model with which Presidio also analyses the rows; None to leave Presidio out.

    Raises:
        InputError: a source is missing, or `presidio` is given and Presidio is not installed.
    """
    table, shared = read_table(sources, against, screen, workers)
    findings = [finding(rule, hits) for rule, hits in table.hits.values()]
    findings += reading_findings(table, len(sources))
    findings += column_findings(table.unread)
    figures: dict[str, Any] = {}
    with screen.bar("comparing rows", None) as advance:
        findings += duplicates(table, advance)
        findings += contradictions(table)
        findings += leakage(table, shared, advance)
        for check in TABLE_CHECKS:
            more, measured = check(table)
            findings += more
            figures |= measured
    figures["lengths"] = _lengths(table)
    if presidio is not None:
        findings += presidio_findings(sources, presidio, screen)
    return AuditReport(_files(table, sources), table.trained, sorted_findings(findings), figures)


def with_more(report: AuditReport, findings: Sequence[Finding], figures: Mapping[str, Any]) -> AuditReport:
    """The report with further findings and figures."""
    return AuditReport(
        report.files,
        report.rows,
        sorted_findings([*report.findings, *findings]),
        {**report.figures, **figures},
    )


def _files(table: Table, sources: Sequence[AuditSource]) -> dict[str, dict[str, Any]]:
    return {
        source.path: {
            "kind": reading.kind,
            "convention": reading.convention,
            "columns": dict(reading.columns),
            "guessed": reading.guessed,
            "rows": rows,
            "evaluation": number >= len(sources),
        }
        for number, (source, reading, rows) in enumerate(
            zip(table.sources, table.readings, table.source_rows, strict=True)
        )
    }


def _lengths(table: Table) -> dict[str, Any]:
    """The quantiles and a logarithmic histogram of lengths in characters, for prompts and answers."""
    lengths: dict[str, Any] = {}
    for name in ("prompt", "answer"):
        chars = table.train[f"{name}_chars"]
        chars = chars[chars > 0]
        if len(chars):
            edges = np.unique(np.geomspace(max(1, chars.min()), chars.max() + 1, 25).astype(int))
            counts, _ = np.histogram(chars, bins=edges) if len(edges) > 1 else (np.array([len(chars)]), edges)
            quantiles = np.quantile(chars, [0.05, 0.5, 0.95]).astype(int).tolist()
            lengths[name] = {"quantiles": quantiles, "edges": edges.tolist(), "counts": counts.tolist()}
    return lengths
