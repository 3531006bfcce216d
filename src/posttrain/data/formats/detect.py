"""Which convention a row has, its standard column names, and the errors of rows that fit none."""

from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches

from posttrain.data.files.read import Row
from posttrain.data.formats.conventions import CONVENTIONS, EVERY_ROW, Convention, Kind, Names
from posttrain.errors import InputError

_TELLING = tuple(convention for convention in CONVENTIONS if convention.kind not in {"prompt", "unpaired"})
"""The conventions whose columns show the purpose of a row. A prompt does not: most rows have one. A label does not
either: it may be a class."""


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
