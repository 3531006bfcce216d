"""Strict JSON: NaN, duplicate keys and unpaired surrogates are errors. Python's own decoder accepts them."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from posttrain.errors import InputError


class BadJson(Exception):
    """Text that is no valid JSON value. The caller knows file and line, and raises an `InputError`.

    Args:
        reason: the problem.
        at: index in the text of the problem, or of the start of the value if only that is known.
        exact: whether it is the index of the problem.
    """

    def __init__(self, reason: str, at: int, *, exact: bool = False) -> None:
        super().__init__(reason)
        self.at = at
        self._exact = exact

    def says(self, column: int) -> str:
        """The reason, with the column if it is known."""
        return f"{self} (column {column})" if self._exact else str(self)


_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_SPACE = re.compile(r"[ \t\r\n]*")


def decode_json_at(text: str, start: int) -> tuple[Any, int]:
    """The JSON value that starts at or after `start`, and the index after it.

    Raises:
        BadJson: there is no value, or it holds NaN, Infinity, a duplicate key or an unpaired surrogate.
    """
    start = skip_space(text, start)
    try:
        value, end = _STRICT.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise BadJson(f"broken JSON: {_lower(error.msg)}", error.pos, exact=True) from error
    except _NotFinite as error:
        raise BadJson(_name_number(text, start, str(error)), start) from error
    except _Duplicate as error:
        raise BadJson(f"the key `{error}` comes twice in one object; keep one of them", start) from error
    except RecursionError as error:
        raise BadJson("nested too deeply to be a row of data", start) from error
    except ValueError as error:  # an integer with more digits than Python converts
        raise BadJson(f"broken JSON: {_lower(str(error))}", start) from error
    if _HALF.search(text, start, end):
        _check_characters(value, start)
    return value, end


def decode_json(text: str, where: str) -> Any:
    """The JSON value of a whole text; errors start with `where`."""
    try:
        value, end = decode_json_at(text, 0)
        if (end := skip_space(text, end)) < len(text):
            raise BadJson("broken JSON: something follows the value", end, exact=True)
    except BadJson as error:
        raise InputError(f"{where}: {error.says(error.at + 1)}") from error
    return value


def skip_space(text: str, start: int) -> int:
    """The index of the next character that is no JSON whitespace."""
    match = _SPACE.match(text, start)
    return match.end() if match else start


def kind_of(value: Any) -> str:
    """The name of a value's JSON type, for errors."""
    names = {str: "a string", bool: "a boolean", int: "a number", float: "a number", type(None): "null"}
    containers = {list: "a list", tuple: "a list", dict: "an object"}
    return (names | containers).get(type(value), f"a {type(value).__name__}")


class _NotFinite(ValueError):
    pass


class _Duplicate(ValueError):
    pass


def _refuse(constant: str) -> float:
    raise _NotFinite(constant)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise _NotFinite(digits)
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Duplicate(key)
            seen.add(key)
    return values


_STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)
_LENIENT = json.JSONDecoder()


def _name_number(text: str, start: int, number: str) -> str:
    """The problem, with the key of the number that is not finite; a second, lenient reading gives the key."""
    problem = "is no JSON number; write null for what is missing"
    try:
        value, _ = _LENIENT.raw_decode(text, start)
    except (ValueError, RecursionError):  # the text is broken further on too
        return f"{number[:40]} {problem}"
    key = next(_not_finite(value, ""), "")
    return f"`{key}` is {number[:40]}, which {problem}" if key else f"{number[:40]} {problem}"


def _not_finite(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, float) and not math.isfinite(value):
        yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _not_finite(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _not_finite(inner, f"{path}[{index}]")


def _check_characters(value: Any, start: int) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        half = f"\\u{ord(str(error.object)[error.start]):04x}"
        raise BadJson(f"{half} is half of a surrogate pair, which is no character", start) from error


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
