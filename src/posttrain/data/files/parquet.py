"""Rows of a Parquet file, read in batches, so that the file may be larger than memory."""

import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from posttrain.data.files.utf8_lines import COMPRESSED, damaged, open_binary
from posttrain.errors import InputError

_BATCH = 256
"""Rows that become Python objects at once."""

_BUFFER = 1 << 20
"""Bytes that are read ahead in each column."""


def parquet_rows(path: Path, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(row number from 1, values) of each row."""
    number = 0
    try:
        with _seekable(path) as source:
            file = pyarrow.parquet.ParquetFile(
                source,
                page_checksum_verification=True,
                pre_buffer=False,  # the default keeps every byte in memory until the end
                buffer_size=_BUFFER,  # without it a whole column of a row group is read
            )
            columns: list[str] = file.schema_arrow.names
            twice = sorted({c for c in columns if columns.count(c) > 1})
            if twice:
                raise InputError(f"{name}: two columns have the name `{twice[0]}`; rename one")
            for batch in file.iter_batches(batch_size=_BATCH, use_threads=False):
                for values in batch.to_pylist():
                    number += 1
                    yield number, values
    except (pyarrow.ArrowException, OSError, EOFError, ValueError, zlib.error) as error:
        raise damaged(error, name) from error


def without_nulls(row: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """A row without the nulls inside its columns, and whether any of them was an argument or parameter of a tool.

    Arrow gives every struct of a column the keys of all rows, so inside a column a null means "absent". Columns that
    are null stay.
    """
    tool_nulls = [False]

    def cleaned(value: Any, tool: bool) -> Any:
        if isinstance(value, dict):
            kept = {k: cleaned(v, tool or k in _TOOL_KEYS) for k, v in value.items() if v is not None}
            tool_nulls[0] |= tool and len(kept) < len(value)
            return kept
        return [cleaned(item, tool) for item in value] if isinstance(value, list) else value

    return {name: cleaned(value, False) for name, value in row.items()}, tool_nulls[0]


_TOOL_KEYS = {"arguments", "properties"}
"""Below these keys, names are a tool's own."""


def _seekable(path: Path) -> Any:
    """The file, or a decompressed copy on disk, since Parquet is read from its end."""
    if path.suffix.lower() not in COMPRESSED:
        return path.open("rb")
    copy = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
    with open_binary(path) as stream:
        shutil.copyfileobj(stream, copy, 1 << 20)
    copy.seek(0)
    return copy
