"""The lines of a data file, decompressed and checked as UTF-8; every text format reads them."""

import gzip
import os
import zlib
from collections.abc import Iterator
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import Any

import pyarrow

from posttrain.errors import InputError, first_line

MAX_LINE = 8 * 2**20
"""The longest line (JSON Lines, text), field (CSV) or element (JSON array), in bytes. A longer one means a broken file.
Without a limit, one missing line end would read the whole file into memory."""

COMPRESSED = frozenset({".gz", ".zst"})

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""Spreadsheets write it before UTF-8 text; it is no part of the text."""

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def open_binary(path: Path) -> BufferedIOBase:
    """The file's bytes, decompressed if its last suffix says so. `damaged` explains errors of reading."""
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rb")
    if path.suffix.lower() == ".zst":
        # zstandard's own reader accepts a truncated frame; pyarrow's refuses it.
        stream: Any = pyarrow.CompressedInputStream(pyarrow.OSFile(str(path)), "zstd")
        return BufferedReader(stream)
    return path.open("rb")


def damaged(error: Exception, name: str) -> InputError:
    """The error for a file that cannot be opened, decompressed or parsed to its end."""
    if isinstance(error, OSError) and error.errno is not None:
        return InputError(f"{name}: cannot be read ({os.strerror(error.errno)})")
    return InputError(f"{name}: the file is damaged or cut short ({first_line(error)[:200]}); fetch or write it again")


def lines(path: Path, name: str, *, limit: int | None = MAX_LINE) -> Iterator[tuple[int, str]]:
    r"""The lines of a text file, each with its number (from 1) and its line end; only ``\n`` ends a line.

    Args:
        path: the file.
        name: its name in errors.
        limit: the longest line in bytes; None for no limit.

    Raises:
        InputError: the compression is damaged, the file is UTF-16 or invalid UTF-8, it has a NUL byte, or a line is
            longer than the limit.
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
    """The first line without its byte order mark, and the length of the mark."""
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
