"""The safe fixes, applied to a copy: rows dropped, repeats dropped, placeholders and broken characters corrected.

No row is dropped that says anything which no other row says, in any column.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posttrain.audit.rows.scan import ODD, UNREADABLE
from posttrain.audit.rows.source import Source, items, parsed
from posttrain.audit.run import Report
from posttrain.audit.similarity.duplicates import EXACT
from posttrain.data.files.read import Row, source_files
from posttrain.errors import InputError
from posttrain.files import whole_file

_SEVERAL = "self-instruct"
"""The convention whose rows hold several examples: one bad example is no reason to drop the row."""

_BROKEN = frozenset({UNREADABLE.name, ODD.name})
"""Findings on rows at which training stops."""

_JUDGMENTS = frozenset({"ranking", "two responses and annotators' verdicts"})
"""Conventions whose rows are what people said: a row that cannot train still counts in their agreement."""

_WINDOWS = ("cp1252", "latin-1")
"""What UTF-8 is usually misread as."""

_MISREAD = re.compile(
    "[\u0080-\u00ff\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]{2,}"
)
"""Two and more characters that only bytes of UTF-8 beyond ASCII become."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was done: rows read, written, dropped and changed."""

    read: int
    written: int
    dropped: int
    changed: int


def clean(source: Source, report: Report, out: Path, keep: Collection[str] = ()) -> Cleaned:
    """Write the rows of a source to `out`, safe fixes applied, and each fix to ``{out}.log.jsonl``.

    Args:
        report: an audit of this source alone.
        keep: names of findings to leave as they are.

    Raises:
        InputError: `out` is not a .jsonl file, or is one of the files read; the source cannot be read to its end.
    """
    if out.suffix != ".jsonl":
        raise InputError(f"--out: {out} should end in .jsonl, the form that cleaned rows are written in")
    if out.exists() and any(path.exists() and out.samefile(path) for _, path in source_files(source.path)):
        raise InputError(f"--out: {out} is the file that is read, which is never changed; name another")
    drop, mend = _planned(report, keep)
    counts = dict.fromkeys(("read", "written", "dropped", "changed"), 0)
    log = out.with_name(out.name.removesuffix(".jsonl") + ".log.jsonl")
    with whole_file(out) as rows, whole_file(log) as did:
        for row, where, done in _fixed(source, drop, mend):
            counts["read"] += 1
            counts["written"] += row is not None
            for one in done:
                did.write(json.dumps({"row": where, **one}, ensure_ascii=False) + "\n")
            counts["dropped"] += row is None
            counts["changed"] += row is not None and bool(done)
            if row is not None:
                rows.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
    return Cleaned(**counts)


def _planned(report: Report, keep: Collection[str]) -> tuple[dict[str, str], dict[str, set[str]]]:
    """Place → the finding it is dropped for; place → the findings it is mended for."""
    droppable = _droppable(report)
    drop: dict[str, str] = {}
    mend: dict[str, set[str]] = {}
    for one in report.findings:
        if one.name in keep:
            continue
        if one.name in droppable:
            drop.update({where: one.name for where in one.rows if where not in drop})
        elif one.safe == "normalise":
            for where in one.rows:
                mend.setdefault(where, set()).add(one.name)
    return drop, mend


def _droppable(report: Report) -> frozenset[str]:
    """Findings whose rows may be dropped, as the file's convention has it."""
    safe = frozenset(one.name for one in report.findings if one.safe == "drop")
    conventions = {about["convention"] for about in report.files.values()}
    if _SEVERAL in conventions:
        return safe & _BROKEN
    if conventions & _JUDGMENTS:
        return safe & (_BROKEN | {EXACT.name})
    guessed = any(about["guessed"] for about in report.files.values())
    return safe - {ODD.name} if guessed else safe  # a row without a column that was only guessed is not broken


def _fixed(
    source: Source, drop: Mapping[str, str], mend: Mapping[str, set[str]]
) -> Iterator[tuple[dict[str, Any] | None, str, list[dict[str, Any]]]]:
    """(the row, None if dropped; its place; what was done to it) of each row."""
    for item in items(source):
        where = item[0]
        row = parsed(item)
        if not isinstance(row, Row):
            if row.ends:
                raise InputError(f"{where}: {row.sentence}; mend the file first: what follows it would be lost")
            yield None, where, [{"did": "dropped", "why": "unreadable-row", "says": row.sentence}]
        elif where in drop and drop[where] != "unreadable-row":
            yield None, where, [{"did": "dropped", "why": drop[where]}]
        else:
            values = dict(row.values)
            done = [act for name in sorted(mend.get(where, ())) for act in _MENDS[name](values)]
            yield values, where, done


def _empty_input(values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "input" not in values:  # one of several examples that the row holds
        return
    yield {"did": "emptied", "why": "placeholder-input", "column": "input", "was": values["input"]}
    values["input"] = ""


def _decoded(values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for column, value in values.items():
        mended = decoded(value) if isinstance(value, str) else value
        if mended != value:
            values[column] = mended
            yield {"did": "decoded again", "why": "encoding-damage", "column": column, "was": value}


_MENDS: Mapping[str, Callable[[dict[str, Any]], Iterator[dict[str, Any]]]] = {
    "placeholder-input": _empty_input,
    "encoding-damage": _decoded,
}


def decoded(text: str) -> str:
    """UTF-8 that was read as another encoding, read right; the text as it is where that cannot be undone.

    Each run of suspicious characters is undone alone, so one that was right all along stays.
    """
    return _MISREAD.sub(_undone, text)


def _undone(run: re.Match[str]) -> str:
    for encoding in _WINDOWS:
        try:
            return run[0].encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return run[0]
