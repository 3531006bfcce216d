"""The findings of the data audits of a run, and what was waived."""

from dataclasses import dataclass

from posttrain.report.record import RunRecord
from posttrain.report.run_files import expected, json_object

EXAMPLES = 3
ORDER = ("block", "waived", "warn", "info")


@dataclass(frozen=True, slots=True)
class CheckedFinding:
    """A finding: how bad it is ("waived" if the recipe lets it pass), and a few places."""

    severity: str
    name: str
    count: int
    what: str
    fix: str
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DataAudit:
    """The audit of one stage."""

    stage: str
    rows: int
    files: tuple[str, ...]
    findings: tuple[CheckedFinding, ...]

    @property
    def stops(self) -> bool:
        """Whether a finding stopped the run."""
        return any(finding.severity == "block" for finding in self.findings)


def audits_of(run: RunRecord) -> list[DataAudit]:
    """The audits in a run's folder.

    Raises:
        InputError: a ``findings.json`` is broken.
    """
    found: list[DataAudit] = []
    for stage in run.stages:
        path = stage.folder / "findings.json"
        stored = json_object(path)
        if stored is None:
            continue
        with expected(path):
            waived = set(stored.get("waived", ()))
            findings = [
                CheckedFinding(
                    "waived" if one["severity"] == "block" and one["name"] in waived else str(one["severity"]),
                    str(one["name"]),
                    int(one["count"]),
                    str(one["what"]),
                    str(one["fix"]),
                    tuple(str(row) for row in one["rows"][:EXAMPLES]),
                )
                for one in stored["findings"]
            ]
            findings.sort(key=lambda one: ORDER.index(one.severity) if one.severity in ORDER else len(ORDER))
            found.append(DataAudit(stage.name, int(stored["rows"]), tuple(stored["files"]), tuple(findings)))
    return found
