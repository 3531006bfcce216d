"""Rows become `Example`s. The columns of a source's first row say its convention, which holds for all.

Where a file has the columns of several conventions (a union of data sets), a row is of the one that it fills.

To read a further convention, write a function from a `Row` to an `Example` and add a line to `CONVENTIONS`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Literal

from posttrain.data.example import Example
from posttrain.data.files.read import Row
from posttrain.data.files.strict_json import kind_of
from posttrain.data.formats.preference_rows import (
    read_alpaca_pair,
    read_implicit_pair,
    read_pair,
    read_ranking,
    read_sharegpt_pair,
)
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
from posttrain.data.row_notes import RowNote
from posttrain.data.skipped import RowSkipped, Skips
from posttrain.errors import InputError

Kind = Literal["sft", "preference", "prompt"]
"""What rows are for: one completion to imitate, several to compare (pairs and rankings), or none: the model writes."""

Names = Mapping[str, str]
"""standard column name → the file's name for it (the recipe's ``columns``)."""


@dataclass(frozen=True, slots=True)
class Convention:
    """A way of writing rows.

    Args:
        name: what plans and errors call it.
        kind: what it is for.
        required: columns it is told by.
        read: makes an example of a row whose columns have their standard names.
        optional: columns it reads where they are.
        split: columns to lay over the row, once for each example it holds.
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

CONVENTIONS = (  # of those that fit a row's columns the first is taken
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
    Convention("prompts", "prompt", ("prompt",), read_prompt, _MORE),
)

_STANDARD = frozenset(name for c in CONVENTIONS for name in (*c.required, *c.optional))
"""Every column that some convention reads."""

_TELLING = tuple(convention for convention in CONVENTIONS if convention.kind != "prompt")
"""Those whose columns tell what a row is meant for; a prompt is in most rows."""

_JOINED = {"input": RowNote.INPUT_JOINED, "context": RowNote.CONTEXT_JOINED}
"""Each column of `CONTEXT` → the note on a row whose prompt it is joined to."""

_EVERY_ROW = ("task", "phrasing")

_BOOKKEEPING = frozenset({"id", "annotator", "guideline_version", "shown_order", "duration_ms"})
"""Columns of this project's own files that say nothing to a model; so do those that begin with ``meta_``."""


def examples(
    rows: Iterable[Row],
    kind: Kind,
    columns: Names | None = None,
    *,
    task: str | None = None,
    skipped: Skips | None = None,
) -> Iterator[Example]:
    """Read the rows of one source.

    Args:
        rows: the rows; all of the first one's convention.
        kind: what they are for.
        columns: standard name → the file's name, for columns called otherwise.
        task: the task of rows without a ``task`` column.
        skipped: counts rows that are well-formed but cannot train.

    Raises:
        InputError: no convention fits, a later row has another one, or a row breaks its convention.
    """
    columns = columns or {}
    skipped = Skips() if skipped is None else skipped
    _check_standard(columns, kind)
    convention: Convention | None = None
    first = ""
    for row in rows:
        renamed = renamed_row(row, columns)
        if convention is None:
            convention, first = _detect(renamed, kind, columns), row.where
        elif any(column not in renamed.values for column in convention.required):
            raise _other_schema(renamed, convention, first)
        own = filled_convention(renamed, convention, columns)
        skipped.unread.update(unread_columns(renamed, own))
        for found in examples_of(row, renamed, own, task):
            if isinstance(found, RowSkipped):
                skipped.add(found.reason, row.where)
            else:
                yield found


def examples_of(row: Row, renamed: Row, convention: Convention, task: str | None) -> Iterator[Example | RowSkipped]:
    """The examples one row holds, or why it cannot train.

    Args:
        row: as it stands in the file.
        renamed: with its columns under their standard names.
        convention: one whose required columns are all there.
        task: of rows without a ``task`` column.

    Raises:
        InputError: the row breaks the convention.
    """
    about = {"task": _label(renamed, "task") or task, "phrasing": _label(renamed, "phrasing")}
    for over in convention.split(renamed):
        try:
            example = convention.read(replace(renamed, values={**renamed.values, **over}))
        except RowSkipped as reason:
            yield reason
        else:
            yield replace(example, row={**row.values, **over}, notes=_notes(row, renamed, convention), **about)


def _notes(row: Row, renamed: Row, convention: Convention) -> tuple[str, ...]:
    """What its reader did to a row that the user may not expect; Alpaca's input belongs to the question by custom."""
    notes: list[str] = [RowNote.NULL_ARGUMENTS] if row.null_arguments else []
    if isinstance(renamed.values.get("prompt"), str) and set(CONTEXT) <= set(convention.optional):
        notes += [note for name, note in _JOINED.items() if _says_something(renamed.values.get(name), name)]
    return tuple(notes)


def unread_columns(row: Row, convention: Convention) -> list[str]:
    """Columns with a text, or under another convention's name, that reach neither the model nor a reward.

    Args:
        row: with its columns under their standard names.
    """
    if convention.kind == "prompt":  # every column reaches the rewards
        return []
    read = {*convention.required, *convention.optional, *_EVERY_ROW, *_BOOKKEEPING}
    if not isinstance(row.values.get(convention.required[0]), str):
        read -= set(CONTEXT)  # only a question that is a text is joined with its context
    names = (name for name in row.values if name not in read and not name.startswith("meta_"))
    return [name for name in names if _says_something(row.values[name], name)]


def _says_something(value: Any, name: str) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    return name in _STANDARD and value not in (None, [], {}, ()) and not isinstance(value, bool)


def filled_convention(row: Row, convention: Convention, columns: Names) -> Convention:
    """The convention of one row of a source: the source's, or where the row does not fill it another one of its kind.

    Args:
        row: with its columns under their standard names.
    """
    return convention if _fills(row, convention) else _detect(row, convention.kind, columns)


def _fills(row: Row, convention: Convention) -> bool:
    return all(row.values.get(column) is not None for column in convention.required)


def convention_of(row: Row, kind: Kind, columns: Names | None = None) -> str:
    """The name of the convention that `examples` would read a source by whose first row this is."""
    columns = columns or {}
    _check_standard(columns, kind)
    return _detect(renamed_row(row, columns), kind, columns).name


def renamed_row(row: Row, columns: Names) -> Row:
    """The row with its columns under their standard names.

    Raises:
        InputError: it lacks one of them.
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


def _check_standard(columns: Names, kind: Kind) -> None:
    known = dict.fromkeys(c for conv in CONVENTIONS if conv.kind == kind for c in conv.required + conv.optional)
    known |= dict.fromkeys(_EVERY_ROW)
    for name in columns:
        if name not in known:
            raise InputError(
                f"columns: `{name}` is no standard column of {kind} rows{_near(name, known)}; "
                f"those are {', '.join(known)}"
            )


def _detect(row: Row, kind: Kind, columns: Names) -> Convention:
    """The first convention of the kind whose columns are all filled, or there, and that reads every renamed column."""
    wanted = set(columns) - set(_EVERY_ROW)
    usable = [c for c in CONVENTIONS if c.kind == kind and wanted <= {*c.required, *c.optional}]
    for convention in sorted(usable, key=lambda c: not _fills(row, c)):
        if all(column in row.values for column in convention.required):
            if kind == "sft" and isinstance(row.values.get("label"), bool):
                raise InputError(
                    f"{row.where}: a boolean `label` marks unpaired preference rows, and SFT would learn the bad "
                    "answers too; keep the rows with a true label and drop the column, or rename it if it means "
                    "something else"
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
        f"If it is called otherwise, say so in the recipe: columns: {{{column}: name_in_the_file}}"
    )


def _other_schema(row: Row, convention: Convention, first: str) -> InputError:
    for other in _TELLING:
        if other != convention and all(column in row.values for column in other.required):
            return InputError(
                f"{row.where}: mixed schemas: this row is {other.name} ({', '.join(row.values)}), the first one "
                f"({first}) {convention.name} ({', '.join(convention.required)}); give each its own file"
            )
    missing = next(column for column in convention.required if column not in row.values)
    return _missing(row, missing, convention)


def _label(row: Row, column: str) -> str | None:
    value = row.values.get(column)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InputError(f"{row.where}: {column} must be a string, this is {kind_of(value)}")
    return str(value)


def _near(name: str, names: Iterable[str]) -> str:
    near = get_close_matches(name, list(names), n=1)
    return f"; did you mean `{near[0]}`?" if near else ""
