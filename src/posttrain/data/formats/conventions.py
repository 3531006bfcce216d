"""The conventions of rows, and which convention a row has.

To read a further convention, write a function from a `Row` to an `Example` and add a line to `CONVENTIONS`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Literal

from posttrain.data.example import Example
from posttrain.data.files.read import Row
from posttrain.data.formats.preference_rows import (
    read_alpaca_pair,
    read_implicit_pair,
    read_pair,
    read_ranking,
    read_sharegpt_pair,
)
from posttrain.data.formats.row_arguments import ROW_ARGUMENTS
from posttrain.data.formats.sft_rows import (
    CONTEXT,
    instances,
    read_alpaca,
    read_messages,
    read_prompt,
    read_prompt_completion,
    read_sharegpt,
    read_text,
)
from posttrain.data.formats.unpaired_rows import both_sides, labelled, one_side
from posttrain.errors import InputError

Kind = Literal["sft", "preference", "unpaired", "prompt"]
"""The purpose of rows: one completion to imitate, several to compare (pairs, rankings), one with a label (good or bad),
or none (the model writes)."""

Names = Mapping[str, str]
"""standard column name → the file's name for it (the recipe's ``columns``)."""


@dataclass(frozen=True, slots=True)
class Convention:
    """A convention of rows: which columns they have, and how an example is read from them.

    Args:
        name: its name in plans and errors.
        kind: the purpose of its rows.
        required: the columns that identify it.
        read: from a row with standard column names to an example.
        optional: further columns that it reads.
        split: the columns to replace in the row, once for each example that the row holds.
    """

    name: str
    kind: Kind
    required: tuple[str, ...]
    read: Callable[[Row], Example]
    optional: tuple[str, ...] = ("system", "tools")
    split: Callable[[Row], list[Mapping[str, Any]]] = lambda row: [{}]


_MORE = (*CONTEXT, "system", "tools")
_ALPACA_MORE = (*CONTEXT, "history", "system", "tools")
_INSTANCE_MORE = tuple(name for name in _ALPACA_MORE if name != "input")  # each instance has its own

CONVENTIONS = (  # the first convention that fits the columns is used
    Convention("messages", "sft", ("messages",), read_messages),
    Convention("ShareGPT", "sft", ("conversations",), read_sharegpt),
    Convention("Alpaca", "sft", ("instruction", "output"), read_alpaca, _ALPACA_MORE),
    Convention("self-instruct", "sft", ("instruction", "instances"), read_alpaca, _INSTANCE_MORE, instances),
    Convention("prompt and completion", "sft", ("prompt", "completion"), read_prompt_completion, _MORE),
    Convention("text", "sft", ("text",), read_text, ()),
    Convention("pairs", "preference", ("prompt", "chosen", "rejected"), read_pair, _MORE),
    Convention("ShareGPT pairs", "preference", ("conversations", "chosen", "rejected"), read_sharegpt_pair),
    Convention("Alpaca pairs", "preference", ("instruction", "chosen", "rejected"), read_alpaca_pair, _ALPACA_MORE),
    Convention("ranking", "preference", ("prompt", "candidates", "ranks"), read_ranking, _MORE),
    Convention("pairs, prompt inside", "preference", ("chosen", "rejected"), read_implicit_pair),
    Convention("messages, label", "unpaired", ("messages", "label"), labelled(read_messages)),
    Convention("ShareGPT, label", "unpaired", ("conversations", "label"), labelled(read_sharegpt)),
    Convention("Alpaca, label", "unpaired", ("instruction", "output", "label"), labelled(read_alpaca), _ALPACA_MORE),
    Convention(
        "prompt, completion, label",
        "unpaired",
        ("prompt", "completion", "label"),
        labelled(read_prompt_completion),
        _MORE,
    ),
    Convention(
        "each side of pairs", "unpaired", ("prompt", "chosen", "rejected"), one_side(read_pair), _MORE, both_sides
    ),
    Convention("prompts", "prompt", ("prompt",), read_prompt, _MORE),
)

STANDARD = frozenset(name for c in CONVENTIONS for name in (*c.required, *c.optional)) - {"label"}
"""Every column that a convention reads, without `label`: in most data it is a class, which belongs to no convention."""

_TELLING = tuple(convention for convention in CONVENTIONS if convention.kind not in {"prompt", "unpaired"})
"""The conventions whose columns show the purpose of a row. A prompt does not: most rows have one. A label does not
either: it may be a class."""

EVERY_ROW = ("task", "phrasing", ROW_ARGUMENTS)
"""Columns that rows of every convention may have."""


def filled_convention(row: Row, convention: Convention, columns: Names) -> Convention:
    """The convention of one row: the source's, or another one of its kind if the row does not fill the source's.

    Args:
        row: a row with standard column names.
    """
    return convention if _fills(row, convention) else detect_convention(row, convention.kind, columns)


def _fills(row: Row, convention: Convention) -> bool:
    return all(row.values.get(column) is not None for column in convention.required)


def convention_of(row: Row, kind: Kind, columns: Names | None = None) -> str:
    """The name of the convention of a source whose first row this is."""
    columns = columns or {}
    check_standard_names(columns, kind)
    return detect_convention(renamed_row(row, columns), kind, columns).name


def renamed_row(row: Row, columns: Names) -> Row:
    """The row with standard column names.

    Raises:
        InputError: a column that the recipe names is not in the row.
    """
    if not columns:
        return row
    for standard, name in columns.items():
        if name not in row.values:
            raise InputError(
                f"{row.where}: no column `{name}` (columns: {{{standard}: {name}}}){_near(name, row.values)}; "
                f"the row has {', '.join(row.values)}"
            )
    kept = {name: value for name, value in row.values.items() if name not in columns.values()}
    values = kept | {standard: row.values[name] for standard, name in columns.items()}
    return replace(row, values=values)


def check_standard_names(columns: Names, kind: Kind) -> None:
    """Refuse names that are no standard columns of rows of this kind.

    Raises:
        InputError: a name is not standard.
    """
    known = dict.fromkeys(c for conv in CONVENTIONS if conv.kind == kind for c in conv.required + conv.optional)
    known |= dict.fromkeys(EVERY_ROW)
    for name in columns:
        if name not in known:
            raise InputError(
                f"columns: `{name}` is no standard column of {kind} rows{_near(name, known)}; "
                f"those are {', '.join(known)}"
            )


def detect_convention(row: Row, kind: Kind, columns: Names) -> Convention:
    """The first convention of the kind that reads every renamed column and whose required columns the row has.

    A convention whose columns have values in the row comes before one whose columns are empty.

    Raises:
        InputError: no convention fits.
    """
    renamed = set(columns) - set(EVERY_ROW)
    usable = [c for c in CONVENTIONS if c.kind == kind and renamed <= {*c.required, *c.optional}]
    for convention in sorted(usable, key=lambda c: not _fills(row, c)):
        if all(column in row.values for column in convention.required):
            if kind == "sft" and isinstance(row.values.get("label"), bool):
                raise InputError(
                    f"{row.where}: a boolean `label` marks unpaired preference rows, and SFT would learn the bad "
                    "answers too; train on them with a stage of kind kto, or keep the rows with a true label and drop "
                    "the column, or rename it if it means something else"
                )
            return convention
    raise _no_convention(row, kind, usable)


def _no_convention(row: Row, kind: Kind, usable: list[Convention]) -> InputError:
    if not usable:
        return InputError("columns: no convention has all of these standard names; rename those of one")
    has = ", ".join(row.values) or "none"
    other = next((c for c in _TELLING if c.kind != kind and all(r in row.values for r in c.required)), None)
    if other is not None:
        return InputError(f"{row.where}: {kind} rows are needed, these are {other.kind} rows ({other.name}): {has}")
    closest = max(usable, key=lambda c: sum(column in row.values for column in c.required) / len(c.required))
    missing = [column for column in closest.required if column not in row.values]
    if len(missing) < len(closest.required):
        return _missing(row, missing[0], closest)
    understood = "; ".join(f"{', '.join(c.required)} ({c.name})" for c in usable)
    return InputError(
        f"{row.where}: the columns ({has}) fit no convention for {kind} rows, which are {understood}. "
        f"Name the columns in the recipe, such as columns: {{standard_name: name_in_the_file}}"
    )


def _missing(row: Row, column: str, convention: Convention) -> InputError:
    return InputError(
        f"{row.where}: no column `{column}` ({convention.name}){_near(column, row.values)}; "
        f"the row has {', '.join(row.values) or 'none'}. "
        f"If the column has another name, give it in the recipe: columns: {{{column}: name_in_the_file}}"
    )


def schema_mismatch(row: Row, convention: Convention, first: str) -> InputError:
    """The error for a row that lacks a column of its source's convention.

    Args:
        first: ``file:line`` of the source's first row.
    """
    for other in _TELLING:
        if other != convention and all(column in row.values for column in other.required):
            return InputError(
                f"{row.where}: mixed schemas: this row is {other.name} ({', '.join(row.values)}), the first one "
                f"({first}) {convention.name} ({', '.join(convention.required)}); give each its own file"
            )
    missing = next(column for column in convention.required if column not in row.values)
    return _missing(row, missing, convention)


def _near(name: str, names: Iterable[str]) -> str:
    near = get_close_matches(name, list(names), n=1)
    return f"; did you mean `{near[0]}`?" if near else ""
