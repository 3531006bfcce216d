"""The one type that every check returns, and the rule a check states beforehand."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["info", "warn", "block"]
"""Worth knowing; worth mending; not to be trained on unless the recipe waives it by name."""

Safe = Literal["drop", "normalise"]
"""What `posttrain clean` may do to a row without a person looking at it."""

EXAMPLES = 5
"""Examples a finding shows; its rows are all listed."""

ORDER: tuple[Severity, ...] = ("block", "warn", "info")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a check looks for.

    Args:
        name: the finding's, by which a recipe waives it.
        severity: how bad it is.
        what: a sentence's end that a count stands before: "rows have an empty answer".
        fix: what to do about it.
        safe: what may be done about each row unseen, if anything.
    """

    name: str
    severity: Severity
    what: str
    fix: str
    safe: Safe | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A row as an example: its place, and a few words of it, secrets masked."""

    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a check found.

    Args:
        name, severity, what, fix, safe: see `Rule`.
        rows: ``file:line`` of every row concerned, in the order read; rows that ask the same stand together.
        count: how many; of rows, unless `what` says otherwise.
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
    """A rule's finding on the rows it hit."""
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
