"""Rows as JSON can hold them: Parquet also has dates, numbers that are no number, and bytes."""

import math
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any

from posttrain.data.files.read import Row
from posttrain.errors import InputError


def json_row(row: Row) -> Row:
    """The row with dates and times as ISO 8601 texts, and with null for NaN, also inside lists and objects.

    Raises:
        InputError: JSON cannot hold a value.
    """
    return replace(row, values={name: _json_value(value, name, row.where) for name, value in row.values.items()})


def _json_value(value: Any, column: str, where: str) -> Any:
    match value:
        case None | bool() | str() | int():
            return value
        case float() if math.isfinite(value):
            return value
        case float() if math.isnan(value):
            return None
        case datetime() | date() | time():
            return value.isoformat()
        case list() | tuple():
            return [_json_value(item, column, where) for item in value]
        case dict():
            return {key: _json_value(item, column, where) for key, item in value.items()}
        case _:
            what = "an infinite number" if isinstance(value, float) else f"a value of type {type(value).__name__}"
            raise InputError(
                f"{where}: the column `{column}` holds {what}, and JSON has no such values; make it a text or a "
                "finite number, or drop the column"
            )
