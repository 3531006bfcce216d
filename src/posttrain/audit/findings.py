"""The finding, which every check returns, and the rule that a check applies."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["info", "warn", "block"]
"""info: worth knowing; warn: worth correcting; block: stops a run unless the recipe waives the finding by name."""

Safe = Literal["drop", "normalise"]
"""The change that `posttrain clean` may make to a row without review by a person."""

EXAMPLES = 5
"""The number of examples in a finding. A finding lists all its rows in any case."""

ORDER: tuple[Severity, ...] = ("block", "warn", "info")


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule that a check applies.

    Args:
        name: the name of the finding, by which a recipe waives it.
        severity: how bad the finding is.
        what: the end of a sentence that begins with a count, such as "rows have an empty answer".
        fix: the advice to the user.
        safe: the change that `posttrain clean` may make to each row; None if it may make none.
    """

    name: str
    severity: Severity
    what: str
    fix: str
    safe: Safe | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """An example of a finding: the place of the row, and a few words of it with secrets masked."""

    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """The rows that break one rule.

    Args:
        name, severity, what, fix, safe: see `Rule`.
        rows: ``file:line`` of every row, in reading order; rows with the same prompt follow each other.
        count: the number of rows, or of the things that `what` names.
        examples: the first few rows, with a few words of each.
    """

    name: str
    severity: Severity
    what: str
    rows: tuple[str, ...]
    count: int
    examples: tuple[Shown, ...]
    fix: str
    safe: Safe | None = None


def finding(rule: Rule, hits: Sequence[Shown], *, count: int | None = None, what: str | None = None) -> Finding:
    """The finding of a rule on the rows that break it."""
    return Finding(
        rule.name,
        rule.severity,
        what or rule.what,
        tuple(hit.where for hit in hits),
        len(hits) if count is None else count,
        tuple(hit for hit in hits if hit.text)[:EXAMPLES],
        rule.fix,
        rule.safe,
    )


def sorted_findings(findings: Iterable[Finding]) -> list[Finding]:
    """The findings by severity, the worst first, then by count."""
    return sorted(findings, key=lambda f: (ORDER.index(f.severity), -f.count, f.name))


def finding_json(finding: Finding) -> dict[str, Any]:
    """The finding as ``findings.json`` holds it."""
    return asdict(finding)
