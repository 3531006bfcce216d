"""Plain data between two processes that do not trust each other: JSON with marks for what JSON lacks.

Nothing is ever unpickled and no class crosses, so what arrives has no methods of the sender's: an ``__eq__`` that
always says yes stays behind. A frame is four bytes of length, big-endian, and the text.

Data are None, bool, int, float, complex, str, bytes, range, and list, tuple, set, frozenset and dict of data. A value
of a subclass (Counter, namedtuple, IntEnum) crosses as its base.
"""

import json
import os
from typing import Any

SMALL = 1 << 60
"""Integers below it are written in decimal, others in hexadecimal: linear time, and no limit of digits."""

DEPTH = 100
"""Levels of nesting that cross."""


class NotPlain(Exception):
    """A value that cannot cross."""


class Gone(BaseException):
    """The other side has closed its end, or sends what is no frame. No `except Exception` of a test may hide it."""


def encode(value: Any, cap: int) -> bytes:
    """A value as bytes.

    Raises:
        NotPlain: it holds something else than plain data, is nested too deep, or takes more than `cap` bytes.
    """
    data = json.dumps(_marked(value, 0)).encode()
    if len(data) > cap:
        raise NotPlain(f"a value of {len(data)} bytes, more than {cap}")
    return data


def decode(data: bytes) -> Any:
    """The value.

    Raises:
        NotPlain: the bytes are not of `encode`.
    """
    try:
        return _unmarked(json.loads(data), 0)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, OverflowError) as error:
        raise NotPlain("bytes that are no value") from error


def _marked(value: Any, depth: int) -> Any:
    if depth > DEPTH:
        raise NotPlain(f"a value nested more than {DEPTH} levels deep")
    if value is None or isinstance(value, bool | float | str):
        return value
    if isinstance(value, int):
        return int(value) if -SMALL < value < SMALL else {"int": hex(value)}
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if isinstance(value, bytes):
        return {"bytes": value.decode("latin-1")}
    if isinstance(value, range):
        return {"range": [_marked(part, depth + 1) for part in (value.start, value.stop, value.step)]}
    if isinstance(value, list):
        return [_marked(part, depth + 1) for part in list.__iter__(value)]
    if isinstance(value, dict):
        pairs = dict.items(value)
        return {"dict": [[_marked(key, depth + 1), _marked(part, depth + 1)] for key, part in pairs]}
    if isinstance(value, tuple):
        return {"tuple": [_marked(part, depth + 1) for part in tuple.__iter__(value)]}
    if isinstance(value, set):
        return {"set": [_marked(part, depth + 1) for part in set.__iter__(value)]}
    if isinstance(value, frozenset):
        return {"frozenset": [_marked(part, depth + 1) for part in frozenset.__iter__(value)]}
    raise NotPlain(f"a value of type {type(value).__name__}, which is no plain data")


def _unmarked(value: Any, depth: int) -> Any:
    if depth > DEPTH:
        raise ValueError
    if isinstance(value, list):
        return [_unmarked(part, depth + 1) for part in value]
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "int":
        return int(inner, 16)
    if kind == "bytes":
        return inner.encode("latin-1")
    parts = [_unmarked(part, depth + 1) for part in inner]
    if kind == "dict":
        return dict(parts)
    return {"tuple": tuple, "set": set, "frozenset": frozenset, "complex": _complex, "range": _range}[kind](parts)


def _complex(parts: list[Any]) -> complex:
    return complex(float(parts[0]), float(parts[1]))


def _range(parts: list[Any]) -> range:
    return range(parts[0], parts[1], parts[2])


def send(fd: int, value: Any, cap: int) -> None:
    """Write one frame.

    Raises:
        NotPlain: the value cannot cross; nothing was written.
        Gone: nobody reads.
    """
    data = encode(value, cap)
    left = memoryview(len(data).to_bytes(4, "big") + data)
    try:
        while left:
            left = left[os.write(fd, left) :]
    except OSError as error:
        raise Gone from error


def receive(fd: int, cap: int) -> Any:
    """Read one frame.

    Raises:
        NotPlain: it is longer than `cap`, or no value.
        Gone: the end of the stream.
    """
    size = int.from_bytes(_exactly(fd, 4), "big")
    if size > cap:
        raise NotPlain(f"a message of {size} bytes, more than {cap}")
    return decode(_exactly(fd, size))


def _exactly(fd: int, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        try:
            part = os.read(fd, min(size, 1 << 20))
        except OSError as error:
            raise Gone from error
        if not part:
            raise Gone
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
