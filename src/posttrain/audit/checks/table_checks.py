"""The list of all checks that compare rows with each other and compute figures of the whole table."""

from collections.abc import Callable

from posttrain.audit.checks.consistency import consistency_checks
from posttrain.audit.checks.diversity import breadth
from posttrain.audit.checks.labels import label_checks
from posttrain.audit.checks.preferences import preference_checks
from posttrain.audit.checks.unpaired import unpaired_checks
from posttrain.audit.findings import Finding
from posttrain.audit.rows.table import Table

TABLE_CHECKS: tuple[Callable[[Table], tuple[list[Finding], dict[str, object]]], ...] = (
    consistency_checks,
    label_checks,
    preference_checks,
    unpaired_checks,
    breadth,
)
"""Each check returns its findings, and its figures by topic."""
