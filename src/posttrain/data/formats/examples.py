"""The rows of a source become `Example`s.

The columns of a source's first row decide its convention, and all rows must have that convention. Some files are a
union of data sets and have the columns of several conventions: each of their rows is then read by the convention whose
columns it fills.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from posttrain.data.example import Example
from posttrain.data.files.read import Row
from posttrain.data.files.strict_json import kind_of
from posttrain.data.formats.conventions import EVERY_ROW, STANDARD, Convention, Kind, Names
from posttrain.data.formats.detect import (
    check_standard_names,
    detect_convention,
    filled_convention,
    renamed_row,
    schema_mismatch,
)
from posttrain.data.formats.row_arguments import ROW_ARGUMENTS, read_row_arguments
from posttrain.data.formats.sft_rows import CONTEXT
from posttrain.data.row_notes import RowNote
from posttrain.data.skipped import RowSkipped, Skips
from posttrain.errors import InputError

_JOINED = {"input": RowNote.INPUT_JOINED, "context": RowNote.CONTEXT_JOINED}
"""A column of `CONTEXT` → the note on a row whose prompt it is joined to."""


_BOOKKEEPING = frozenset({"id", "annotator", "guideline_version", "shown_order", "duration_ms"})
"""Columns of this project's own files that models do not need, as are those that begin with ``meta_``."""


def read_examples(
    rows: Iterable[Row],
    kind: Kind,
    columns: Names | None = None,
    *,
    task: str | None = None,
    skipped: Skips | None = None,
) -> Iterator[Example]:
    """Read the rows of one source.

    Args:
        rows: the rows of the source.
        kind: their purpose.
        columns: standard name → the file's name, for columns with other names.
        task: the task of rows without a ``task`` column.
        skipped: counts well-formed rows that cannot train, and columns that nothing reads.

    Raises:
        InputError: no convention fits, a later row has another convention, or a row breaks its convention.
    """
    columns = columns or {}
    skipped = Skips() if skipped is None else skipped
    check_standard_names(columns, kind)
    convention: Convention | None = None
    first = ""
    for row in rows:
        renamed = renamed_row(row, columns)
        if convention is None:
            convention, first = detect_convention(renamed, kind, columns), row.where
        elif any(column not in renamed.values for column in convention.required):
            raise schema_mismatch(renamed, convention, first)
        own = filled_convention(renamed, convention, columns)
        skipped.unread.update(unread_columns(renamed, own))
        for example in examples_in_row(row, renamed, own, task):
            if isinstance(example, RowSkipped):
                skipped.add(example.reason, row.where)
            else:
                yield example


def examples_in_row(row: Row, renamed: Row, convention: Convention, task: str | None) -> Iterator[Example | RowSkipped]:
    """The examples of one row, or the reasons to skip them.

    Args:
        row: the row with the column names of the file.
        renamed: the same row with standard column names.
        convention: a convention whose required columns the row has.
        task: the task of rows without a ``task`` column.

    Raises:
        InputError: the row breaks the convention.
    """
    arguments = read_row_arguments(renamed.values, row.where)
    labels = {"task": _label(renamed, "task") or task, "phrasing": _label(renamed, "phrasing")}
    for overlay in convention.split(renamed):
        try:
            example = convention.read(replace(renamed, values={**renamed.values, **overlay}))
        except RowSkipped as reason:
            yield reason
        else:
            if arguments and example.raw:
                raise InputError(
                    f"{row.where}: {ROW_ARGUMENTS}: no chat template renders a plain text; remove the column"
                )
            notes = (*_notes(row, renamed, convention), *((RowNote.OWN_ARGUMENTS,) if arguments else ()))
            own = {"row": {**row.values, **overlay}, "template_arguments": arguments, "notes": notes}
            yield replace(example, **own, **labels)


def _notes(row: Row, renamed: Row, convention: Convention) -> tuple[str, ...]:
    """Notes on what the reader changed. Alpaca's input is not noted: by custom it belongs to the question."""
    notes: list[str] = [RowNote.NULL_ARGUMENTS] if row.null_arguments else []
    if isinstance(renamed.values.get("prompt"), str) and set(CONTEXT) <= set(convention.optional):
        notes += [note for name, note in _JOINED.items() if _has_content(renamed.values.get(name), name)]
    return tuple(notes)


def unread_columns(row: Row, convention: Convention) -> list[str]:
    """Columns that reach neither the model nor a reward, though they hold a text or have a standard name.

    Args:
        row: a row with standard column names.
    """
    if convention.kind == "prompt":  # every column reaches the rewards
        return []
    read = {*convention.required, *convention.optional, *EVERY_ROW, *_BOOKKEEPING}
    if not isinstance(row.values.get(convention.required[0]), str):
        read -= set(CONTEXT)  # only a prompt that is a text is joined with its context
    names = (name for name in row.values if name not in read and not name.startswith("meta_"))
    return [name for name in names if _has_content(row.values[name], name)]


def _has_content(value: Any, name: str) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    return name in STANDARD and value not in (None, [], {}, ()) and not isinstance(value, bool)


def _label(row: Row, column: str) -> str | None:
    value = row.values.get(column)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InputError(f"{row.where}: {column} must be a string, this is {kind_of(value)}")
    return str(value)
