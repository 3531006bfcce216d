"""What the files hold: the audit's report, and the properties of each file that only the advice needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from posttrain.advise.agreement import Agreement
from posttrain.advise.checkable import Check
from posttrain.audit.findings import Finding
from posttrain.audit.run import AuditReport

_RESULT_CHARS = 20
"""Mean length of answers up to which a number is a bare result, without the working that leads to it."""


@dataclass(frozen=True, slots=True)
class FileProfile:
    """The properties of a file.

    Args:
        path: the path as the user wrote it.
        kind: sft, preference, unpaired, judged, prompt or unknown; "text" for plain text.
        convention: the name of the convention that the file follows.
        columns: standard name → the file's column; for an unknown kind, a suggestion.
        rows: number of rows in the file.
        usable: number of rows left after the safe fixes of `posttrain clean`.
        prompt_chars: mean length of the prompts, over the first rows.
        answer_chars: mean length of a row's answers together, over the first rows.
        names: the task names in the rows.
        material: whether the prompts are texts to work on, without a request.
        refusals: share of answers that refuse.
        constant: the answer that nearly all rows share; None if they differ.
        check: the reward that reads the answers.
        agreement: the agreement of the people who judged the answers.
        prompts: standard name → column for reading the rows as prompts; None if they cannot be read as prompts.
        texts: some of the file's texts, to measure characters per token.
    """

    path: str
    kind: str
    convention: str
    columns: Mapping[str, str]
    rows: int
    usable: int
    prompt_chars: float = 0.0
    answer_chars: float = 0.0
    names: tuple[str, ...] = ()
    material: bool = False
    refusals: float = 0.0
    constant: str | None = None
    check: Check | None = None
    agreement: Agreement | None = None
    prompts: Mapping[str, str] | None = None
    texts: tuple[str, ...] = ()

    @property
    def bare(self) -> bool:
        """Whether the answers are results without their working."""
        return self.check is not None and self.check.spec["kind"] == "math" and self.answer_chars <= _RESULT_CHARS

    @property
    def shows(self) -> bool:
        """Whether the answers may be imitated."""
        return self.kind == "sft" and not self.bare


@dataclass(frozen=True, slots=True)
class DataProfile:
    """All files and the audit's report on them.

    Args:
        files: the files to train on.
        report: the audit's report; None if there are no files.
        against: paths of the evaluation data.
        findings: the report's findings by name.
    """

    files: tuple[FileProfile, ...] = ()
    report: AuditReport | None = None
    against: tuple[str, ...] = ()
    findings: Mapping[str, Finding] = field(default_factory=dict[str, Finding])

    def of(self, *kinds: str) -> list[FileProfile]:
        """The files of the given kinds."""
        return [file for file in self.files if file.kind in kinds]

    def usable(self, *kinds: str) -> int:
        """Number of rows of the given kinds that are left after the safe fixes."""
        return sum(file.usable for file in self.of(*kinds))

    def count(self, *names: str) -> int:
        """Number of rows that the named findings report."""
        return sum(self.findings[name].count for name in names if name in self.findings)

    def figure(self, topic: str) -> Any:
        """The audit's figures on a topic; None if it measured none."""
        return None if self.report is None else self.report.figures.get(topic)

    @property
    def prompts(self) -> int:
        """Number of rows with a prompt that the model can answer."""
        return sum(file.usable for file in self.files if file.prompts is not None)

    @property
    def pair_files(self) -> list[FileProfile]:
        """The files of preference pairs, whose preferred answers may serve as demonstrations."""
        return [file for file in self.files if file.convention == "pairs"]

    @property
    def to_correct(self) -> list[Finding]:
        """The findings that block or warn, the worst first."""
        return (
            [] if self.report is None else [finding for finding in self.report.findings if finding.severity != "info"]
        )
