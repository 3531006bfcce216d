"""What the files hold: the audit's report, and beside it what only the advice needs to know of each file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

from posttrain.advise.agreement import Agreement, agreement_of
from posttrain.advise.checkable import Check, check_of, constant_of, labels_of
from posttrain.audit.findings import Finding
from posttrain.audit.rows.convention import Reading
from posttrain.audit.rows.entry import Entry
from posttrain.audit.rows.rules import ODD, UNREADABLE
from posttrain.audit.rows.scan import entries
from posttrain.audit.rows.source import AuditSource, items, parsed
from posttrain.audit.run import AuditReport, audit_sources
from posttrain.console import Screen
from posttrain.data.files.read import Row
from posttrain.errors import InputError
from posttrain.evaluate.metrics import refused

SAMPLE = 2000
"""Rows of a file, the first ones, that are looked at beside the audit."""

_MATERIAL = frozenset(
    {"dialogue", "document", "article", "body", "abstract", "transcript", "note", "report", "passage"}
)
"""Columns of texts to work on: such a prompt asks nothing itself, so its words tell nothing about tasks."""

_RESULT = 20
"""Mean length of answers up to which a number stands alone, without the working that leads to it."""

PROMPTS_IN: Mapping[str, str] = {
    "prompts": "prompt",
    "prompt and completion": "prompt",
    "pairs": "prompt",
    "ranking": "prompt",
    "Alpaca": "instruction",
}
"""Convention → the column that holds a prompt as a whole."""


@dataclass(frozen=True, slots=True)
class File:
    """One file.

    Args:
        path: as the user wrote it.
        kind: sft, preference, judged, prompt or unknown; "text" for plain text.
        convention: its name.
        columns: standard name → the file's name; of an unknown kind, what the user may have meant.
        rows: in the file.
        usable: those that are left after the safe fixes of `posttrain clean`.
        prompt_chars, answer_chars: the mean of the first rows; of all answers together.
        names: tasks that its rows name.
        material: its prompts are texts to work on.
        unpaired: its rows are answers marked good or bad.
        refusals: share of answers that refuse.
        constant: what its answers all say, or nearly all; None if they differ.
        check: the reward that reads its answers.
        agreement: of the people who judged.
        prompts: columns by which its rows are read as prompts; None if they cannot be.
        texts: a few of its texts, to count tokens by.
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
    unpaired: bool = False
    refusals: float = 0.0
    constant: str | None = None
    check: Check | None = None
    agreement: Agreement | None = None
    prompts: Mapping[str, str] | None = None
    texts: tuple[str, ...] = ()

    @property
    def bare(self) -> bool:
        """Its answers are results without their working."""
        return self.check is not None and self.check.spec["kind"] == "math" and self.answer_chars <= _RESULT

    @property
    def shows(self) -> bool:
        """Its answers may be imitated."""
        return self.kind == "sft" and not self.bare and not self.unpaired


@dataclass(frozen=True, slots=True)
class Seen:
    """All files, and the audit's report on them; None without files."""

    files: tuple[File, ...] = ()
    report: AuditReport | None = None
    against: tuple[str, ...] = ()
    findings: Mapping[str, Finding] = field(default_factory=dict[str, Finding])

    def of(self, *kinds: str) -> list[File]:
        """The files of some kinds."""
        return [file for file in self.files if file.kind in kinds]

    def usable(self, *kinds: str) -> int:
        """Rows of some kinds that are left after the safe fixes."""
        return sum(file.usable for file in self.of(*kinds))

    def count(self, *names: str) -> int:
        """Rows of some findings."""
        return sum(self.findings[name].count for name in names if name in self.findings)

    def figure(self, topic: str) -> Any:
        """What the audit measured of a topic; None where it did not."""
        return None if self.report is None else self.report.figures.get(topic)


def look(sources: Sequence[AuditSource], against: Sequence[str], reward: str | None, screen: Screen) -> Seen:
    """Audit the files and look at the first rows of each.

    Raises:
        InputError: a file is not there, or none of its rows can be read.
    """
    if not sources:
        return Seen(against=tuple(against))
    report = audit_sources(sources, against=[AuditSource(path, {}) for path in against], screen=screen)
    findings = {one.name: one for one in report.findings}
    files = tuple(_file(source, report.files[source.path], findings, reward) for source in sources)
    return Seen(files, report, tuple(against), findings)


def _file(source: AuditSource, about: Mapping[str, Any], findings: Mapping[str, Finding], reward: str | None) -> File:
    faulty = {place for one in findings.values() if one.safe == "drop" for place in one.rows if _in(place, source)}
    if about["rows"] and len(faulty) == about["rows"]:
        _refuse(source, findings)
    reading = Reading(about["kind"], about["convention"], about["columns"], task=source.task)
    sample = list(islice(_rows(source), SAMPLE))
    seen = [entry for row in sample for entry in entries(row, reading)]
    values = [row.values for row in sample]
    answers = [entry.answer for entry in seen if entry.outputs]
    kind = "text" if reading.convention == "text" else reading.kind
    return File(
        source.path,
        kind,
        reading.convention,
        reading.columns,
        about["rows"],
        about["rows"] - len(faulty),
        fmean(len(entry.prompt) for entry in seen) if seen else 0.0,
        fmean(sum(map(len, entry.outputs)) for entry in seen) if seen else 0.0,
        tuple(dict.fromkeys(entry.task for entry in seen if entry.task)),
        reading.columns.get("prompt", "").lower() in _MATERIAL,
        kind == "sft" and any(isinstance(row.get("label"), bool) for row in values[:1]),
        fmean(refused(answer[:200], {}) for answer in answers) if answers else 0.0,
        constant_of([entry.final or entry.answer for entry in seen]) if kind == "sft" else None,
        _check(source, reading, values, reward) if kind in {"sft", "prompt"} else None,
        agreement_of(row.values for row in _rows(source)) if kind in {"preference", "judged"} else None,
        _prompt_columns(reading, seen),
        tuple(entry.text for entry in seen[:50]),
    )


def _refuse(source: AuditSource, findings: Mapping[str, Finding]) -> None:
    """Name the first row of a file in which no row can be read.

    Raises:
        InputError: there is none that can.
    """
    broken = [one for rule in (UNREADABLE, ODD) if (one := findings.get(rule.name)) is not None]
    told = [shown for one in broken for shown in one.examples if _in(shown.where, source)]
    if told:
        raise InputError(f"{told[0].where}: {told[0].text}; no row of {source.path} can be read")


def _in(place: str, source: AuditSource) -> bool:
    return place.startswith((f"{source.path}:", f"{source.path.rstrip('/')}/"))


def _rows(source: AuditSource) -> Iterator[Row]:
    return (row for item in items(source) if isinstance(row := parsed(item), Row))


def _check(
    source: AuditSource, reading: Reading, sample: Sequence[Mapping[str, Any]], reward: str | None
) -> Check | None:
    """The reward that reads the answers; labels are counted over all rows, for the last may stand at the end."""
    standard = "output" if reading.convention == "Alpaca" else "completion"
    check = check_of(sample, reading.columns.get(standard, standard), reward)
    if check is None or "labels" not in check.spec:
        return check
    column = check.spec["target"]
    labels = labels_of("" if (value := row.values.get(column)) is None else value for row in _rows(source))
    return None if labels is None else replace(check, spec={**check.spec, "labels": list(labels)})


def _prompt_columns(reading: Reading, seen: Sequence[Entry]) -> Mapping[str, str] | None:
    column = PROMPTS_IN.get(reading.convention)
    if column is None or (reading.convention == "Alpaca" and any(entry.row.get("input") for entry in seen)):
        return None
    theirs = reading.columns.get(column, column)
    return {} if theirs == "prompt" else {"prompt": theirs}


def path_from(path: str, folder: Path) -> str:
    """A data path as a recipe in that folder says it: relative, but one given whole stays whole if it is far away."""
    import os

    if path.startswith("hf://"):
        return path
    given = Path(path).expanduser()
    relative = Path(os.path.relpath(given, folder)).as_posix()
    return given.as_posix() if given.is_absolute() and relative.startswith("../../") else relative
