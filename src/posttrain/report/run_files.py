"""Reads the files of a run's folder: a missing file is None, a broken one is an `InputError` with its name."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from posttrain.errors import InputError

BROKEN = "move it away, and the report leaves that part out"


@contextmanager
def expected(path: Path) -> Generator[None]:
    """While open, content of another form than posttrain writes is one `InputError` that names the file."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        reason = f"the key {error} is missing" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{path}: not as posttrain writes it ({reason}); {BROKEN}") from error


def json_object(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None if there is no file.

    Raises:
        InputError: the file cannot be read, or holds no JSON object.
    """
    text = _text(path)
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}); {BROKEN}") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: holds no JSON object; {BROKEN}")
    return value


def json_lines(path: Path, *, growing: bool = False) -> list[dict[str, Any]] | None:
    """The object of each line; None if there is no file.

    Args:
        growing: the file is written line by line, so a last line without an end was cut by a kill: it is left out.

    Raises:
        InputError: the file cannot be read, or a line holds no JSON object.
    """
    text = _text(path)
    if text is None:
        return None
    rows: list[dict[str, Any]] = []
    lines = text.split("\n")
    if growing or not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path}:{number}: not JSON ({error}); {BROKEN}") from error
        if not isinstance(row, dict):
            raise InputError(f"{path}:{number}: holds no JSON object; {BROKEN}")
        rows.append(row)
    return rows


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); {BROKEN}") from error
