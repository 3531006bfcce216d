"""Rows of JSON Lines, JSON arrays, CSV and plain text. Each reader yields (first line of the row, values)."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from posttrain.data.files.strict_json import BadJson, decode_json, decode_json_at, kind_of, skip_space
from posttrain.data.files.utf8_lines import MAX_LINE, lines
from posttrain.errors import InputError

END_OF_TEXT = "<|endoftext|>"
"""A line with this text alone ends a document of a text file."""

Placed = tuple[int, dict[str, Any]]


def jsonl_rows(path: Path, name: str) -> Iterator[Placed]:
    """One object a line; blank lines are ignored."""
    for number, line in lines(path, name):
        if line.isspace():
            continue
        value = decode_json(line, f"{name}:{number}")
        if isinstance(value, list):
            raise InputError(
                f"{name}:{number}: a list, where a row must be an object {{...}}; "
                "an array of objects is read from a file whose name ends in .json"
            )
        yield number, _object(value, f"{name}:{number}")


def json_rows(path: Path, name: str) -> Iterator[Placed]:
    """The objects of one array, which is read whole. A .json file with JSON Lines is read as JSON Lines."""
    text = "".join(line for _, line in lines(path, name, limit=None))
    at = skip_space(text, 0)
    if text[at : at + 1] == "{" and _is_object(text[at:].partition("\n")[0]):
        yield from jsonl_rows(path, name)
        return
    line, counted = 1, 0
    try:
        for start, value in _elements(text, at):
            line += text.count("\n", counted, start)
            counted = start
            yield line, _object(value, f"{name}:{line}")
    except BadJson as error:
        line = text.count("\n", 0, error.at) + 1
        column = error.at - text.rfind("\n", 0, error.at)
        raise InputError(f"{name}:{line}: {error.says(column)}") from error


def csv_rows(path: Path, name: str) -> Iterator[Placed]:
    """Comma-separated rows after a header, quoted as in RFC 4180; every value is a string."""
    csv.field_size_limit(MAX_LINE)
    reader = csv.reader((line for _, line in lines(path, name)), strict=True)
    header: list[str] = []
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise InputError(
                f"{name}:{line}: broken CSV in the row that starts here ({error}); "
                'put quotes around fields with line ends or quotes in them, and write a quote inside as ""'
            ) from error
        if cells is None:
            return
        if not cells:
            continue
        if not header:
            header = _checked_header(cells, f"{name}:{line}")
        elif len(cells) != len(header):
            raise InputError(
                f"{name}:{line}: {len(cells)} fields, but the header has {len(header)}; "
                "is a comma or a quote in a field left unquoted?"
            )
        else:
            yield line, dict(zip(header, cells, strict=True))


def text_rows(path: Path, name: str) -> Iterator[Placed]:
    """The documents of a text file as ``{"text": ...}``. End-of-text lines separate them; without any, the file is one.

    Blank lines around a document are removed, and blank documents are ignored.
    """
    first = 1
    document: list[str] = []
    for number, line in lines(path, name):
        if line.strip() == END_OF_TEXT:
            yield from _document(document, first)
            document = []
        elif document or not line.isspace():
            if not document:
                first = number
            document.append(line)
    yield from _document(document, first)


def _document(document: list[str], first: int) -> Iterator[Placed]:
    if text := "".join(document).rstrip():
        yield first, {"text": text}


def _elements(text: str, at: int) -> Iterator[tuple[int, Any]]:
    """(start index, value) of each element of the array at `at`; nothing may follow the array."""
    if at == len(text):
        return
    if text[at] != "[":
        raise BadJson(
            "an array of objects [{...}, ...] is needed; if each line holds one object, name the file .jsonl", at
        )
    at = skip_space(text, at + 1)
    closed = text.startswith("]", at)
    while not closed:
        value, end = decode_json_at(text, at)
        if end - at > MAX_LINE:
            raise BadJson(f"an element is longer than {MAX_LINE // 2**20} MiB", at)
        yield at, value
        at = skip_space(text, end)
        closed = text.startswith("]", at)
        if not closed:
            if not text.startswith(",", at):
                raise BadJson("broken JSON: expecting ',' or ']' after an element", at, exact=True)
            at = skip_space(text, at + 1)
    if (at := skip_space(text, at + 1)) < len(text):
        raise BadJson("broken JSON: something follows the array", at, exact=True)


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{where}: {kind_of(value)}, where a row must be an object {{...}}")
    return value


def _checked_header(header: list[str], where: str) -> list[str]:
    for number, column in enumerate(header, 1):
        if not column.strip():
            raise InputError(
                f"{where}: column {number} of the header has no name (with pandas, write it with index=False)"
            )
        if column in header[: number - 1]:
            raise InputError(f"{where}: the header names `{column}` twice")
    if len(header) == 1:
        for separator, what in ((";", "semicolons"), ("\t", "tabs")):
            if separator in header[0]:
                raise InputError(f"{where}: the fields are separated by {what}; save the file with commas")
    return header
