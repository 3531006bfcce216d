"""The rows of a suite under the names that metrics read: `input` and `target`."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from posttrain.data.files.read import Row, read_rows
from posttrain.data.formats.detect import renamed_row
from posttrain.data.options import DataSource

_ALSO = {"input": "prompt", "target": "completion"}
"""Inspect's name → the name that training rows have."""


def suite_rows(source: DataSource, base: Path) -> Iterator[Row]:
    """Stream a suite's rows; `prompt` and `completion` become `input` and `target` where those are not there.

    Raises:
        InputError: a file cannot be read, or has not a column that the recipe names.
    """
    for row in islice(read_rows(source.path, base=base), source.rows):
        values = dict(renamed_row(row, source.columns).values)
        for name, other in _ALSO.items():
            if name not in values and other in values:
                values[name] = _text(values[other]) if name == "target" else values[other]
        yield Row(row.where, values)


def question_column(source: DataSource, base: Path) -> str:
    """The name of the file's column that holds the questions.

    Raises:
        InputError: the file cannot be read.
    """
    named = source.columns.get("input", source.columns.get("prompt"))
    if named is not None:
        return named
    first = next(read_rows(source.path, base=base))
    return "input" if "input" in first.values else "prompt"


def _text(completion: Any) -> Any:
    """The text of a completion that is written as messages; anything else as it is."""
    last = completion[-1] if isinstance(completion, list) and completion else None
    return last["content"] if isinstance(last, dict) and "content" in last else completion
