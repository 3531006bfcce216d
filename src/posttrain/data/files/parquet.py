"""Rows of a Parquet file, a batch at a time, so that a file larger than memory streams."""

import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from posttrain.data.files.utf8_lines import COMPRESSED, damaged, open_binary
from posttrain.errors import InputError

_BATCH = 256
"""Rows turned into Python objects at once."""

_BUFFER = 1 << 20
"""Bytes read ahead in each column."""


def parquet_rows(path: Path, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(row number from 1, values) of each row."""
    import pyarrow
    import pyarrow.parquet

    number = 0
    try:
        with _seekable(path) as source:
            file = pyarrow.parquet.ParquetFile(
                source,
                page_checksum_verification=True,
                pre_buffer=False,  # its default keeps every byte read until the end
                buffer_size=_BUFFER,  # else a column of a row group is read whole
            )
            columns: list[str] = file.schema_arrow.names
            twice = sorted({c for c in columns if columns.count(c) > 1})
            if twice:
                raise InputError(f"{name}: two columns are called `{twice[0]}`; rename one")
            for batch in file.iter_batches(batch_size=_BATCH, use_threads=False):
                for values in batch.to_pylist():
                    number += 1
                    yield number, values
    except (pyarrow.ArrowException, OSError, EOFError, ValueError, zlib.error) as error:
        raise damaged(error, name) from error


def without_nulls(row: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """A row without the nulls inside its columns, and whether some were arguments or parameters of a tool.

    Arrow gives every struct of a column the keys of all rows: inside a column a null says "not there". The columns
    themselves stay.
    """
    found = [False]

    def cleaned(value: Any, tool: bool) -> Any:
        if isinstance(value, dict):
            kept = {k: cleaned(v, tool or k in _TOOL_KEYS) for k, v in value.items() if v is not None}
            found[0] |= tool and len(kept) < len(value)
            return kept
        return [cleaned(item, tool) for item in value] if isinstance(value, list) else value

    return {name: cleaned(value, False) for name, value in row.items()}, found[0]


_TOOL_KEYS = {"arguments", "properties"}
"""Below these, names are a tool's own."""


def _seekable(path: Path) -> Any:
    """The file itself, or its decompressed copy on disk: Parquet is read from its end."""
    if path.suffix.lower() not in COMPRESSED:
        return path.open("rb")
    copy = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
    with open_binary(path) as stream:
        shutil.copyfileobj(stream, copy, 1 << 20)
    copy.seek(0)
    return copy
