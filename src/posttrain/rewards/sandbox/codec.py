"""Send plain data between two processes that do not trust each other, as JSON with marks for further types.

Nothing is unpickled and no class of the code crosses, so a value arrives without methods of the sender: an ``__eq__``
that always returns True stays behind. A frame is four bytes of length, big-endian, and the text.

Plain data are None, bool, int, float, str, and the types of `FORMS` with plain data inside. A value of a subclass (a
namedtuple, an IntEnum) crosses as its base.
"""

import datetime as dt
import json
import numbers
import os
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from typing import Any

JOB, CALLS, VERDICT = 3, 4, 5
"""File numbers of the job, of the calls between tester and candidate, and of the verdict."""

SMALL = 1 << 60
"""Integers below it are sent in decimal, others in hexadecimal, which takes linear time and has no limit of digits."""

DEPTH = 100
"""Deepest nesting that crosses."""

ITEMS = 1 << 20
"""Most items of an iterator that cross by value."""


class NotPlain(Exception):
    """A value that cannot cross."""


class ValueTooLarge(NotPlain):
    """A value of plain data that is nested too deep, or has too many bytes or items."""


class Disconnected(BaseException):
    """The other side has closed its end, or sends no frame. As a BaseException, no `except Exception` of a test can
    hide it."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """The result of a coroutine of the code; it arrives as a coroutine that returns this result."""

    value: object


class Handle:
    """The tests' reference to an object of the code. It can be passed back to the code, and has no other use."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


@dataclass(frozen=True, slots=True)
class Form:
    """The form in which a type crosses: its parts, which are plain data, and the function that makes it from them."""

    kind: Any
    parts: Callable[[Any], Iterable[Any]]
    make: Callable[[list[Any]], Any]


async def _awaited(value: Any) -> Any:
    return value


def _by_text(kind: Any) -> Form:
    return Form(kind, lambda value: [kind.isoformat(value)], lambda parts: kind.fromisoformat(parts[0]))


def _pairs(value: Any) -> Iterable[Any]:
    return map(list, dict.items(value))


FORMS: dict[str, Form] = {  # a type comes before its bases
    "Counter": Form(Counter, _pairs, lambda parts: Counter(dict(parts))),
    "OrderedDict": Form(OrderedDict, lambda value: map(list, OrderedDict.items(value)), OrderedDict),
    "defaultdict": Form(defaultdict, _pairs, lambda parts: defaultdict(None, parts)),
    "dict": Form(dict, _pairs, dict),
    "tuple": Form(tuple, tuple.__iter__, tuple),
    "set": Form(set, set.__iter__, set),
    "frozenset": Form(frozenset, frozenset.__iter__, frozenset),
    "deque": Form(deque, lambda value: [value.maxlen, *value], lambda parts: deque(parts[1:], parts[0])),
    "range": Form(range, lambda value: (value.start, value.stop, value.step), lambda parts: range(*parts)),
    "complex": Form(complex, lambda value: (value.real, value.imag), lambda parts: complex(*parts)),
    "bytes": Form(bytes, lambda value: [bytes.decode(value, "latin-1")], lambda parts: parts[0].encode("latin-1")),
    "bytearray": Form(
        bytearray,
        lambda value: [bytearray.decode(value, "latin-1")],
        lambda parts: bytearray(parts[0].encode("latin-1")),
    ),
    "keys": Form(type({}.keys()), iter, lambda parts: dict.fromkeys(parts).keys()),
    "values": Form(type({}.values()), iter, lambda parts: dict(enumerate(parts)).values()),
    "items": Form(type({}.items()), iter, lambda parts: dict(parts).items()),
    "Fraction": Form(Fraction, lambda value: (value.numerator, value.denominator), lambda parts: Fraction(*parts)),
    "Decimal": Form(Decimal, lambda value: [Decimal.__str__(value)], lambda parts: Decimal(parts[0])),
    "datetime": _by_text(dt.datetime),
    "date": _by_text(dt.date),
    "time": _by_text(dt.time),
    "timedelta": Form(
        dt.timedelta, lambda value: (value.days, value.seconds, value.microseconds), lambda parts: dt.timedelta(*parts)
    ),
    "awaited": Form(Awaited, lambda value: [value.value], lambda parts: _awaited(parts[0])),
}

TYPES: dict[str, type] = {
    kind.__name__: kind
    for kind in (*(form.kind for form in FORMS.values()), bool, int, float, str, list, type(None))
    if kind is not Awaited
}
"""Types that cross as a name."""

CHANGEABLE = (list, dict, set, bytearray, deque)
"""Types whose values a function can change in place."""

Keep = Callable[[Iterator[Any]], int]
"""Keeps an iterator on this side; returns the number by which the other side requests its items."""

Pull = Callable[[int], Any]
"""Number of a value that one side keeps → the value, or its reference on the other side."""


def encode_value(value: Any, cap: int, keep: Keep | None = None) -> bytes:
    """A value as bytes.

    Args:
        keep: for iterators, which then stay here; without it all of their items cross at once.

    Raises:
        NotPlain: it contains other than plain data.
        ValueTooLarge: it is nested too deep, or takes more than `cap` bytes.
    """
    data = json.dumps(_marked(value, 0, keep)).encode()
    if len(data) > cap:
        raise ValueTooLarge(f"a value of {len(data)} bytes, more than {cap}")
    return data


def decode_value(data: bytes, pull: Pull | None = None) -> Any:
    """The value from its bytes.

    Args:
        pull: for values that one of the two sides keeps.

    Raises:
        NotPlain: the bytes are not from `encode_value`.
    """
    try:
        return _unmarked(json.loads(data), 0, pull)
    except Exception as error:
        raise NotPlain("bytes that are no value") from error


def _marked(value: Any, depth: int, keep: Keep | None) -> Any:
    if depth > DEPTH:
        raise ValueTooLarge(f"a value nested more than {DEPTH} levels deep")
    if value is None or isinstance(value, bool | float | str):
        return value
    if isinstance(value, int):
        return int(value) if -SMALL < value < SMALL else {"int": [hex(value)]}
    if isinstance(value, list):
        return [_marked(part, depth + 1, keep) for part in list.__iter__(value)]
    for name, form in FORMS.items():
        if isinstance(value, form.kind):
            return {name: [_marked(part, depth + 1, keep) for part in form.parts(value)]}
    if isinstance(value, Handle):
        return {"kept": [value.number]}
    if isinstance(value, type) and TYPES.get(value.__name__) is value:
        return {"type": [value.__name__]}
    if isinstance(value, Iterator):
        return _iterator(value, depth, keep)
    if isinstance(value, numbers.Integral):  # numpy's
        return _marked(int(value), depth, keep)
    if isinstance(value, numbers.Real):
        return float(value)
    raise NotPlain(f"a value of type {type(value).__name__}, which is no plain data")


def _iterator(value: Iterator[Any], depth: int, keep: Keep | None) -> Any:
    if keep is not None:
        return {"kept": [keep(value)]}
    items = list(islice(value, ITEMS + 1))
    if len(items) > ITEMS:
        raise ValueTooLarge(f"an iterator of more than {ITEMS} items")
    return {"iterator": [_marked(part, depth + 1, keep) for part in items]}


def _unmarked(value: Any, depth: int, pull: Pull | None) -> Any:
    if depth > DEPTH:
        raise ValueError
    if isinstance(value, list):
        return [_unmarked(part, depth + 1, pull) for part in value]
    if not isinstance(value, dict):
        return value
    ((name, inner),) = value.items()
    parts = [_unmarked(part, depth + 1, pull) for part in inner]
    match name:
        case "int":
            return int(parts[0], 16)
        case "type":
            return TYPES[parts[0]]
        case "iterator":
            return iter(parts)
        case "kept" if pull is not None:
            return pull(parts[0])
        case _:
            return FORMS[name].make(parts)


def run_coroutine(value: Any) -> Any:
    """The result of a coroutine as `Awaited`; any other value unchanged."""
    if not isinstance(value, Coroutine):
        return value
    import asyncio  # slow to import, and rarely needed

    return Awaited(asyncio.run(value))


def send(fd: int, value: Any, cap: int, keep: Keep | None = None) -> None:
    """Write one frame.

    Raises:
        NotPlain: the value cannot cross; nothing was written.
        Disconnected: the other side has closed.
    """
    data = encode_value(value, cap, keep)
    left = memoryview(len(data).to_bytes(4, "big") + data)
    try:
        while left:
            left = left[os.write(fd, left) :]
    except OSError as error:
        raise Disconnected from error


def receive(fd: int, cap: int, pull: Pull | None = None) -> Any:
    """Read one frame.

    Raises:
        NotPlain: the frame is longer than `cap`, or contains no value.
        Disconnected: the stream has ended.
    """
    size = int.from_bytes(_exactly(fd, 4), "big")
    if size > cap:
        raise ValueTooLarge(f"a message of {size} bytes, more than {cap}")
    return decode_value(_exactly(fd, size), pull)


def _exactly(fd: int, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        try:
            part = os.read(fd, min(size, 1 << 20))
        except OSError as error:
            raise Disconnected from error
        if not part:
            raise Disconnected
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
