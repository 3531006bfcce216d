"""Profiles the files: audits them, and measures on the first rows of each what only the advice needs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from statistics import fmean
from typing import Any

from posttrain.advise.agreement import agreement_of
from posttrain.advise.answer_values import constant_of, labels_of
from posttrain.advise.checkable import Check, check_of
from posttrain.advise.profile import DataProfile, FileProfile
from posttrain.audit.findings import Finding
from posttrain.audit.rows.convention import Reading
from posttrain.audit.rows.entry import Entry
from posttrain.audit.rows.scan import entries
from posttrain.audit.rows.source import AuditSource, items, parsed
from posttrain.audit.run import audit_sources
from posttrain.console import Screen
from posttrain.data.files.read import Row
from posttrain.errors import InputError
from posttrain.rewards.refusal.detect import refuses

SAMPLE = 2000
"""Number of first rows of a file that are examined beside the audit."""

_MATERIAL = frozenset(
    {"dialogue", "document", "article", "body", "abstract", "transcript", "note", "report", "passage"}
)
"""Columns of texts to work on. Such a prompt holds no request, so its words say nothing about the kind of task."""

_PROMPTS_IN: Mapping[str, str] = {
    "prompts": "prompt",
    "prompt and completion": "prompt",
    "prompt, completion, label": "prompt",
    "pairs": "prompt",
    "ranking": "prompt",
    "Alpaca": "instruction",
}
"""Convention → the column that holds a whole prompt."""


def profile_files(
    sources: Sequence[AuditSource], against: Sequence[str], reward: str | None, screen: Screen
) -> DataProfile:
    """Audit the files and profile each.

    Raises:
        InputError: a file is not there, or none of its rows can be read.
    """
    if not sources:
        return DataProfile(against=tuple(against))
    report = audit_sources(sources, against=[AuditSource(path, {}) for path in against], screen=screen)
    findings = {finding.name: finding for finding in report.findings}
    files = tuple(_profile_file(source, report.files[source.path], findings, reward) for source in sources)
    return DataProfile(files, report, tuple(against), findings)


def _profile_file(
    source: AuditSource, about: Mapping[str, Any], findings: Mapping[str, Finding], reward: str | None
) -> FileProfile:
    faulty = {
        place
        for finding in findings.values()
        if finding.safe == "drop"
        for place in finding.rows
        if _is_in(place, source)
    }
    if about["rows"] and len(faulty) == about["rows"]:
        _check_readable(source, findings)
    reading = Reading(about["kind"], about["convention"], about["columns"], task=source.task)
    sample = list(islice(_rows(source), SAMPLE))
    sampled = [entry for row in sample for entry in entries(row, reading)]
    values = [row.values for row in sample]
    answers = [entry.answer for entry in sampled if entry.outputs]
    kind = "text" if reading.convention == "text" else reading.kind
    return FileProfile(
        source.path,
        kind,
        reading.convention,
        reading.columns,
        about["rows"],
        about["rows"] - len(faulty),
        fmean(len(entry.prompt) for entry in sampled) if sampled else 0.0,
        fmean(sum(map(len, entry.outputs)) for entry in sampled) if sampled else 0.0,
        tuple(dict.fromkeys(entry.task for entry in sampled if entry.task)),
        reading.columns.get("prompt", "").lower() in _MATERIAL,
        fmean(refuses(answer[:200]) for answer in answers) if answers else 0.0,
        constant_of([entry.final or entry.answer for entry in sampled]) if kind == "sft" else None,
        _check_of_file(source, reading, values, reward) if kind in {"sft", "prompt"} else None,
        agreement_of(row.values for row in _rows(source)) if kind in {"preference", "judged"} else None,
        _prompt_columns(reading, sampled),
        tuple(entry.text for entry in sampled[:50]),
    )


def _check_readable(source: AuditSource, findings: Mapping[str, Finding]) -> None:
    """Check that the file has a readable row, given that all of its rows have faults.

    Raises:
        InputError: no row can be read; the message names the first.
    """
    unreadable = [finding for name in ("unreadable-row", "odd-row") if (finding := findings.get(name)) is not None]
    examples = [example for finding in unreadable for example in finding.examples if _is_in(example.where, source)]
    if examples:
        raise InputError(f"{examples[0].where}: {examples[0].text}; no row of {source.path} can be read")


def _is_in(place: str, source: AuditSource) -> bool:
    return place.startswith((f"{source.path}:", f"{source.path.rstrip('/')}/"))


def _rows(source: AuditSource) -> Iterator[Row]:
    return (row for item in items(source) if isinstance(row := parsed(item), Row))


def _check_of_file(
    source: AuditSource, reading: Reading, sample: Sequence[Mapping[str, Any]], reward: str | None
) -> Check | None:
    """The reward that reads the answers. Labels come from all rows, since a label may occur only in late rows."""
    standard = "output" if reading.convention == "Alpaca" else "completion"
    check = check_of(sample, reading.columns.get(standard, standard), reward)
    if check is None or "labels" not in check.spec:
        return check
    column = check.spec["target"]
    labels = labels_of("" if (value := row.values.get(column)) is None else value for row in _rows(source))
    return None if labels is None else replace(check, spec={**check.spec, "labels": list(labels)})


def _prompt_columns(reading: Reading, sampled: Sequence[Entry]) -> Mapping[str, str] | None:
    column = _PROMPTS_IN.get(reading.convention)
    if column is None or (reading.convention == "Alpaca" and any(entry.row.get("input") for entry in sampled)):
        return None
    name = reading.columns.get(column, column)
    return {} if name == "prompt" else {"prompt": name}
