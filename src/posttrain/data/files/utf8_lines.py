"""A data file's bytes, perhaps compressed, as lines of checked UTF-8: the ground every text format stands on."""

import gzip
import os
import zlib
from collections.abc import Iterator
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import Any

from posttrain.errors import InputError

MAX_LINE = 8 * 2**20
"""Bytes a line (JSON Lines, text), a field (CSV) or an element (JSON array) may take. What is longer is a file of
another kind, or a broken one; without a bound one missing line end reads the whole file into memory."""

COMPRESSED = frozenset({".gz", ".zst"})

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""What spreadsheets write before UTF-8 text. It is no part of the text."""

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def open_binary(path: Path) -> BufferedIOBase:
    """The file's bytes, decompressed by its last suffix; reading may raise what `damaged` explains."""
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rb")
    if path.suffix.lower() == ".zst":
        import pyarrow

        # zstandard's own reader takes a truncated frame for a complete one; pyarrow's refuses it.
        stream: Any = pyarrow.CompressedInputStream(pyarrow.OSFile(str(path)), "zstd")
        return BufferedReader(stream)
    return path.open("rb")


def damaged(error: Exception, name: str) -> InputError:
    """The sentence for a file that cannot be opened, decompressed or parsed to its end."""
    if isinstance(error, OSError) and error.errno is not None:
        return InputError(f"{name}: cannot be read ({os.strerror(error.errno)})")
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return InputError(f"{name}: the file is damaged or cut short ({reason[:200]}); fetch or write it again")


def lines(path: Path, name: str, *, limit: int | None = MAX_LINE) -> Iterator[tuple[int, str]]:
    r"""The lines of a text file, each with its number (from 1) and its line end; only ``\n`` ends a line.

    Args:
        path: the file.
        name: what errors call it.
        limit: longest line in bytes, None for no bound.

    Raises:
        InputError: damaged compression, UTF-16, NUL byte, invalid UTF-8, a line over the limit.
    """
    offset = 0
    number = 0
    try:
        with open_binary(path) as stream:
            while line := stream.readline() if limit is None else stream.readline(limit + 1):
                number += 1
                if number == 1:
                    line, offset = _without_mark(line, name)
                if limit is not None and len(line) > limit:
                    raise InputError(
                        f"{name}:{number}: the line is longer than {limit // 2**20} MiB; "
                        "is a line end missing? Put one row on each line, and split or drop longer documents"
                    )
                yield number, _decode(line, name, number, offset)
                offset += len(line)
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(error, name) from error


def _without_mark(line: bytes, name: str) -> tuple[bytes, int]:
    """The first line without a byte order mark, and the bytes of that mark."""
    if line.startswith(_UTF_16):
        raise InputError(
            f"{name}:1: the file starts with a UTF-16 byte order mark; save it as UTF-8 "
            "(in spreadsheets and editors: encoding `UTF-8`, not `Unicode`)"
        )
    mark = len(BYTE_ORDER_MARK) if line.startswith(BYTE_ORDER_MARK) else 0
    return line[mark:], mark


def _decode(line: bytes, name: str, number: int, offset: int) -> str:
    if (nul := line.find(0)) >= 0:
        raise InputError(
            f"{name}:{number}: a NUL byte (byte {offset + nul} of the file): this is UTF-16 or a binary file, "
            "not UTF-8 text; save it as UTF-8"
        )
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}:{number}: not valid UTF-8 (byte {offset + error.start} of the file is "
            f"0x{line[error.start]:02x}); save the file as UTF-8"
        ) from error
