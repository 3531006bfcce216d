"""Applies the safe fixes to a copy: drops faulty and repeated rows, corrects placeholders and broken characters.

A row is dropped only if another row has the same values in all columns, or if no stage can train on it.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posttrain.audit.checks.layout import ENCODING
from posttrain.audit.checks.text import PLACEHOLDER_INPUT
from posttrain.audit.rows.rules import ODD, UNREADABLE
from posttrain.audit.rows.source import AuditSource, items, parsed
from posttrain.audit.run import AuditReport
from posttrain.audit.similarity.duplicates import EXACT
from posttrain.data.files.read import Row, source_files
from posttrain.errors import InputError
from posttrain.files import whole_file

_SEVERAL = "self-instruct"
"""The convention whose rows hold several examples. A row is not dropped because of one bad example."""

_BROKEN = frozenset({UNREADABLE.name, ODD.name})
"""Findings on rows that stop the training."""

_JUDGMENTS = frozenset({"ranking", "two responses and annotators' verdicts"})
"""Conventions whose rows hold people's judgments. Rows that cannot train stay, since they count in agreement."""

_WINDOWS = ("cp1252", "latin-1")
"""The encodings that UTF-8 text is usually misread as."""

_MISREAD = re.compile(
    "[\u0080-\u00ff\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]{2,}"
)
"""Two or more characters that UTF-8 bytes beyond ASCII become when they are misread."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The counts of rows read, written, dropped and changed."""

    read: int
    written: int
    dropped: int
    changed: int


def clean_source(source: AuditSource, report: AuditReport, out: Path, keep: Collection[str] = ()) -> Cleaned:
    """Write the rows of a source to `out` with the safe fixes, and log each fix in ``{out}.log.jsonl``.

    Args:
        report: an audit of this source alone.
        keep: names of findings to leave as they are.

    Raises:
        InputError: `out` is not a .jsonl file or is one of the source's files, or the source cannot be read to its end.
    """
    if out.suffix != ".jsonl":
        raise InputError(f"--out: {out} must end in .jsonl, since cleaned rows are written as JSON Lines")
    if out.exists() and any(path.exists() and out.samefile(path) for _, path in source_files(source.path)):
        raise InputError(f"--out: {out} is an input file, which is never changed; name another file")
    drop, fix = _planned(report, keep)
    counts = dict.fromkeys(("read", "written", "dropped", "changed"), 0)
    log = out.with_name(out.name.removesuffix(".jsonl") + ".log.jsonl")
    with whole_file(out) as rows, whole_file(log) as log_file:
        for row, where, done in _fixed(source, drop, fix):
            counts["read"] += 1
            counts["written"] += row is not None
            for change in done:
                log_file.write(json.dumps({"row": where, **change}, ensure_ascii=False) + "\n")
            counts["dropped"] += row is None
            counts["changed"] += row is not None and bool(done)
            if row is not None:
                rows.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
    return Cleaned(**counts)


def _planned(report: AuditReport, keep: Collection[str]) -> tuple[dict[str, str], dict[str, set[str]]]:
    """Place → the finding for which the row is dropped; place → the findings for which it is corrected."""
    droppable = _droppable(report)
    drop: dict[str, str] = {}
    fix: dict[str, set[str]] = {}
    for finding in report.findings:
        if finding.name in keep:
            continue
        if finding.name in droppable:
            drop.update({where: finding.name for where in finding.rows if where not in drop})
        elif finding.safe == "normalise":
            for where in finding.rows:
                fix.setdefault(where, set()).add(finding.name)
    return drop, fix


def _droppable(report: AuditReport) -> frozenset[str]:
    """The findings whose rows may be dropped, which depends on the file's convention."""
    safe = frozenset(finding.name for finding in report.findings if finding.safe == "drop")
    conventions = {about["convention"] for about in report.files.values()}
    if _SEVERAL in conventions:
        return safe & _BROKEN
    if conventions & _JUDGMENTS:
        return safe & (_BROKEN | {EXACT.name})
    guessed = any(about["guessed"] for about in report.files.values())
    return safe - {ODD.name} if guessed else safe  # a row without a guessed column is not broken


def _fixed(
    source: AuditSource, drop: Mapping[str, str], fix: Mapping[str, set[str]]
) -> Iterator[tuple[dict[str, Any] | None, str, list[dict[str, Any]]]]:
    """Each row, or None if it is dropped, with its place and the changes to it."""
    for item in items(source):
        where = item[0]
        row = parsed(item)
        if not isinstance(row, Row):
            if row.ends:
                raise InputError(f"{where}: {row.sentence}; repair the file first, since later rows would be lost")
            yield None, where, [{"did": "dropped", "why": UNREADABLE.name, "says": row.sentence}]
        elif where in drop and drop[where] != UNREADABLE.name:
            yield None, where, [{"did": "dropped", "why": drop[where]}]
        else:
            values = dict(row.values)
            done = [change for name in sorted(fix.get(where, ())) for change in _FIXES[name](values)]
            yield values, where, done


def _empty_input(values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "input" not in values:  # the input belongs to one of several examples in the row
        return
    yield {"did": "emptied", "why": PLACEHOLDER_INPUT.name, "column": "input", "was": values["input"]}
    values["input"] = ""


def _decoded(values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for column, value in values.items():
        repaired = repaired_text(value) if isinstance(value, str) else value
        if repaired != value:
            values[column] = repaired
            yield {"did": "decoded again", "why": ENCODING.name, "column": column, "was": value}


_FIXES: Mapping[str, Callable[[dict[str, Any]], Iterator[dict[str, Any]]]] = {
    PLACEHOLDER_INPUT.name: _empty_input,
    ENCODING.name: _decoded,
}


def repaired_text(text: str) -> str:
    """Decode UTF-8 text again that was misread as another encoding; a text that cannot be decoded stays as it is.

    Each run of suspicious characters is decoded separately, so that correct characters stay.
    """
    return _MISREAD.sub(_undone, text)


def _undone(run: re.Match[str]) -> str:
    for encoding in _WINDOWS:
        try:
            return run[0].encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return run[0]
