"""A finding, which every check returns, and the rule that a check applies."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["info", "warn", "block"]
"""info: worth knowing; warn: worth correcting; block: stops a run unless the recipe waives it by name."""

Safe = Literal["drop", "normalise"]
"""What `posttrain clean` may do to a row that no person has looked at."""

EXAMPLES = 5
"""Examples that a finding shows; it lists all its rows."""

ORDER: tuple[Severity, ...] = ("block", "warn", "info")


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule that a check applies.

    Args:
        name: of the finding; a recipe waives it by this name.
        severity: how bad a finding is.
        what: the end of a sentence that begins with a count: "rows have an empty answer".
        fix: what the user should do.
        safe: what `posttrain clean` may do to each row, if anything.
    """

    name: str
    severity: Severity
    what: str
    fix: str
    safe: Safe | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A row as an example: its place, and a few words of it with secrets masked."""

    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """The rows that break one rule.

    Args:
        name, severity, what, fix, safe: see `Rule`.
        rows: ``file:line`` of every row, in the order read; rows with the same prompt follow each other.
        count: how many rows, unless `what` names something else.
        examples: the first few.
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
    """The worst first, then the most frequent."""
    return sorted(findings, key=lambda f: (ORDER.index(f.severity), -f.count, f.name))


def finding_json(finding: Finding) -> dict[str, Any]:
    """The finding as ``findings.json`` holds it."""
    return asdict(finding)
