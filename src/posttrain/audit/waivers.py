"""Blocking findings, and the names by which a user waives or keeps findings."""

from collections.abc import Collection, Sequence
from difflib import get_close_matches

from posttrain.audit.findings import Finding
from posttrain.audit.names import NAMES
from posttrain.audit.run import AuditReport
from posttrain.errors import InputError


def refuse_blocking(blocking: Sequence[Finding], waived: Collection[str]) -> None:
    """Check that all blocking findings are waived.

    Raises:
        InputError: a blocking finding is not waived.
    """
    left = [finding for finding in blocking if finding.name not in waived]
    if left:
        listed = "; ".join(f"{f.name}: {f.count:,} {f.what} ({', '.join(f.rows[:3])})" for f in left)
        raise InputError(f"audit: do not train on this data: {listed}. Correct rows, or waive a finding by its name")


def check_finding_names(option: str, names: Collection[str], report: AuditReport) -> None:
    """Check the names that a user gives to an option, since a misspelt name would have no effect.

    Raises:
        InputError: no finding has this name, and another one has a similar name.
    """
    known = [*(finding.name for finding in report.findings), *NAMES]
    for name in names:
        near = get_close_matches(name, known, n=1)
        if name not in known and near:
            raise InputError(f"{option}: there is no finding {name}; did you mean {near[0]}?")
