"""The columns from which a stage of a new recipe reads its rows: as the user names them, or guessed from the names."""

from collections.abc import Mapping
from dataclasses import replace

from posttrain.audit.rows.convention import columns_option, guessed_columns, reading_of
from posttrain.data.files.read import Row
from posttrain.data.formats.conventions import Kind
from posttrain.data.formats.detect import convention_of
from posttrain.errors import InputError

_NAMES: Mapping[Kind, tuple[str, ...]] = {
    "sft": ("prompt", "completion"),
    "unpaired": ("prompt", "completion", "label"),
    "preference": ("prompt", "chosen", "rejected"),
    "prompt": ("prompt",),
}
"""The standard names of the columns of each kind of rows. Only those of prompt and completion are ever guessed."""

_SIDES = ("chosen", "rejected")
"""Columns of answers to compare, which are no prompts and no completions to imitate."""


def stage_columns(row: Row, kind: Kind, named: Mapping[str, str]) -> Mapping[str, str]:
    """Standard name → the file's name, for rows of one kind; empty if the columns have standard names.

    Args:
        row: the first row of the file.
        named: the columns that the user names; if there are any, none is guessed.

    Raises:
        InputError: it is unclear which columns to read, a named column is not there, or the rows are of another kind.
    """
    if named:
        convention_of(row, kind, named)
        return named
    guess = guessed_columns(replace(row, values={n: v for n, v in row.values.items() if n not in _SIDES}))
    renamed = {standard: guess[standard] for standard in _NAMES[kind] if guess.get(standard, standard) != standard}
    for columns in ({}, renamed):
        if _fits(row, kind, columns) and not _is_lacking(row, kind, columns, guess):
            return columns
    if reading_of(row, {}).kind in {"preference", "unpaired", "judged"}:
        convention_of(row, kind, {})  # raises: the error names the kind of the rows
    raise InputError(
        f"{row.where}: it is unclear which columns are {', '.join(_NAMES[kind])} of {kind} rows; the row "
        f"has {', '.join(row.values) or 'no column'}. Name them, for instance {_option(kind, row)}"
    )


def _fits(row: Row, kind: Kind, columns: Mapping[str, str]) -> bool:
    try:
        convention_of(row, kind, columns)
    except InputError:
        return False
    return True


def _is_lacking(row: Row, kind: Kind, columns: Mapping[str, str], guess: Mapping[str, str]) -> bool:
    """Whether another reading is better: a text that has an answer beside it, or a pair whose prompt is a column."""
    convention = convention_of(row, kind, columns)
    return (convention == "text" and "completion" in guess) or (
        convention == "pairs, prompt inside" and "prompt" in guess
    )


def _option(kind: Kind, row: Row) -> str:
    """The option that names the columns, with the first columns of the row as an example."""
    names = [*row.values, *("NAME",) * len(_NAMES[kind])]
    return columns_option(dict(zip(_NAMES[kind], names, strict=False)))
