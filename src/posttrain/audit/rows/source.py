"""Rows in chunks, each with its place. A row that cannot be read becomes a fault, and reading goes on."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from posttrain.data.files.read import Row, read_rows, source_files
from posttrain.data.files.strict_json import decode_json, kind_of
from posttrain.data.files.utf8_lines import BYTE_ORDER_MARK, COMPRESSED, MAX_LINE, damaged, open_binary
from posttrain.data.formats.conventions import Kind
from posttrain.errors import InputError

CHUNK = 512
"""The number of rows in a chunk, unless they are long."""

CHUNK_BYTES = 4 * 2**20
"""A chunk of JSON Lines ends at this many bytes, which limits the memory of all processes."""


@dataclass(frozen=True, slots=True)
class AuditSource:
    """A file, folder or hub data set to audit.

    Args:
        path: the path as the user wrote it.
        columns: standard name → the file's name.
        task: the task of rows that state none.
        rows: the number of first rows to read; None for all.
        base: folder that a relative path starts from.
        kinds: the kinds of rows that a recipe's trainer may read, see `trainer_reading`; if empty, columns are guessed.
    """

    path: str
    columns: Mapping[str, str]
    task: str | None = None
    rows: int | None = None
    base: Path | None = None
    kinds: tuple[Kind, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that cannot be read: its place, the trainer's error message, and whether reading ended there."""

    where: str
    sentence: str
    ends: bool = False


Item = tuple[str, "bytes | Mapping[str, Any] | Fault"]
"""(place, unparsed line of JSON Lines | row | fault)."""


def items(source: AuditSource) -> Iterator[Item]:
    """The rows of a source in order.

    Raises:
        InputError: the file does not exist, or there is no data file.
    """
    every = (item for name, path in source_files(source.path, base=source.base) for item in _file(name, path))
    return islice(every, source.rows)


def chunks(source: AuditSource) -> Iterator[list[Item]]:
    """The rows of a source in chunks of at most `CHUNK` rows."""
    chunk: list[Item] = []
    size = 0
    for where, value in items(source):
        chunk.append((where, value))
        size += len(value) if isinstance(value, bytes) else 0
        if len(chunk) >= CHUNK or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def parsed(item: Item) -> Row | Fault:
    """The parsed row, or the fault why it cannot be read."""
    where, value = item
    if isinstance(value, Fault):
        return value
    if not isinstance(value, bytes):
        return Row(where, value)
    try:
        if 0 in value:
            raise InputError(f"{where}: a NUL byte: this is UTF-16 or a binary file, not UTF-8 text")
        decoded = decode_json(value.decode("utf-8"), where)
        if not isinstance(decoded, dict):
            raise InputError(f"{where}: {kind_of(decoded)}, where a row must be an object {{...}}")
    except UnicodeDecodeError as error:
        return Fault(where, f"not valid UTF-8 (0x{value[error.start]:02x} at byte {error.start} of the line)")
    except InputError as error:
        return Fault(where, str(error).removeprefix(f"{where}: "))
    return Row(where, decoded)


def _file(name: str, path: Path) -> Iterator[Item]:
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes[-1] in COMPRESSED:
        suffixes.pop()
    if suffixes[-1] == ".jsonl":
        yield from _lines(name, path)
        return
    try:
        for row in read_rows(path):
            where = name + row.where.removeprefix(str(path))
            yield where, row.values
    except InputError as error:
        place, _, reason = str(error).removeprefix(str(path)).partition(": ")
        where = name + (place if place[1:].isdigit() else ":1")
        yield where, Fault(where, f"{reason or error} (the rest was not read)", ends=True)


def _lines(name: str, path: Path) -> Iterator[Item]:
    number = rows = 0
    try:
        with open_binary(path) as stream:
            while line := stream.readline(MAX_LINE + 1):
                number += 1
                where = f"{name}:{number}"
                if number == 1:
                    line = line.removeprefix(BYTE_ORDER_MARK)
                if len(line) > MAX_LINE:
                    yield where, Fault(where, f"the line is longer than {MAX_LINE // 2**20} MiB")
                    while not line.endswith(b"\n") and (line := stream.readline(MAX_LINE)):
                        pass
                elif not line.isspace():
                    yield where, line
                rows += not line.isspace()
    except (OSError, EOFError, zlib.error) as error:
        where = f"{name}:{number + 1}"
        sentence = str(damaged(error, name)).removeprefix(f"{name}: ")
        yield where, Fault(where, f"{sentence} (the rest was not read)", ends=True)
        return
    if rows == 0:
        yield f"{name}:1", Fault(f"{name}:1", "the file is empty (it holds no rows)", ends=True)
