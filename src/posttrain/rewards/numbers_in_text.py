"""The numbers of a text, each with every way to read it."""

import re
from collections.abc import Iterator
from fractions import Fraction
from functools import reduce
from itertools import takewhile
from typing import NamedTuple

from posttrain.rewards.quantity import MONEY, Quantity, read_quantity


class NumberInText(NamedTuple):
    """A number as a text writes it.

    Args:
        text: from the number's first character to the end of its unit.
        meanings: what it can mean as a whole: 5 pounds are money or a mass.
        parts: the meanings of its parts, where it has several: 12/05/2024, 5 100 mg, 120/80.
    """

    text: str
    meanings: tuple[Quantity, ...]
    parts: tuple[tuple[Quantity, ...], ...]


def text_numbers(text: str) -> list[NumberInText]:
    """The numbers of a text in order: digits that do not belong to a name such as B12, without those of list items.

    A sign is not read, since it may be a dash.
    """
    text = prepared_text(text)
    items = {match.start(1) for match in _LIST_ITEM.finditer(text)}
    found: list[NumberInText] = []
    end = 0
    for start in starts_in(text):
        if start < end or start in items:
            continue
        end, meanings = _read(text, start)
        inside = list(takewhile(lambda one, end=end: one < end, starts_in(text, start)))
        parts = tuple(_part(text, a, b) for a, b in zip(inside, [*inside[1:], end], strict=True))
        found.append(NumberInText(text[start:end].strip(" ."), meanings, parts if len(parts) > 1 else ()))
    return found


def _read(text: str, start: int) -> tuple[int, tuple[Quantity, ...]]:
    """(the end of the number at an index, its meanings); a date has none but those of its parts."""
    if (date := _DATE.match(text, start)) is not None:
        return date.end(), ()
    if (quantity := read_quantity(text, start)) is not None:
        return quantity.end, _unsigned(quantity.meanings)
    digits = _DIGITS.match(text, start)
    return start + 1 if digits is None else digits.end(), ()


def readings(text: str) -> set[Quantity]:
    """Every quantity that a text can be read to hold, also those that it writes in English words."""
    text = prepared_text(text)
    return {
        quantity
        for form in {text, _COMPOUND.sub(_compound, text), _WORD.sub(lambda match: _digits(match[0]), text)}
        for quantity in _readings(form)
    }


def prepared_text(text: str) -> str:
    """The text with ``26-year-old`` as ``26 year-old``, ``3rd`` as ``3``, ``70s`` as ``70``, and ``3,5`` as ``3.5``."""
    for pattern, replacement in _FORMS:
        text = pattern.sub(replacement, text)
    return text


def starts_in(text: str, start: int = 0) -> Iterator[int]:
    """The indices at which a number can start."""
    return (match.start() for match in _START.finditer(text, start))


def _readings(text: str) -> Iterator[Quantity]:
    starts = list(starts_in(text))
    for start, following in zip(starts, [*starts[1:], len(text)], strict=False):
        quantity = read_quantity(text, start)
        yield from () if quantity is None else _unsigned(quantity.meanings)
        yield from _part(text, start, following)


def _part(text: str, start: int, end: int) -> tuple[Quantity, ...]:
    quantity = read_quantity(text[start:end], 0)
    return () if quantity is None else _unsigned(quantity.meanings)


def _unsigned(meanings: tuple[Quantity, ...]) -> tuple[Quantity, ...]:
    return tuple(one._replace(value=abs(one.value)) for one in meanings)


def _compound(match: re.Match[str]) -> str:
    """The digits of a number in several words: two thousand and eight."""
    whole, current = Fraction(0), Fraction(0)
    for word in re.findall(r"[a-z]+", match[0].lower()):
        if word in ("thousand", "million"):
            whole, current = whole + max(current, 1) * _VALUES[word], Fraction(0)
        elif word == "hundred":
            current = max(current, Fraction(1)) * 100
        elif word != "and" and _VALUES[word] >= 10 and 0 < current < 100:  # nineteen eighty four, one thirty three
            current = current * 100 + _VALUES[word]
        elif word != "and":
            current += _VALUES[word]
    return str(whole + current)


def _digits(word: str) -> str:
    return str(_SINGLE[word.lower()])


_UP_TO_19 = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_VALUES = reduce(
    lambda values, pair: {**values, pair[1]: pair[0]},
    [*enumerate(_UP_TO_19.split()), *((10 * n, word) for n, word in enumerate(_TENS.split(), 2))],
    {"hundred": 100, "thousand": 1000, "million": 10**6},
)
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
_SINGLE = {
    **_VALUES,
    **{word: n for n, word in enumerate(_ORDINALS.split(), 1)},
    "once": 1,
    "twice": 2,
    "half": Fraction(1, 2),
}
_NAMES = "|".join(_VALUES)
_WORD = re.compile(rf"\b(?:{'|'.join(_SINGLE)})\b", re.IGNORECASE)
_COMPOUND = re.compile(rf"\b(?:{_NAMES})(?:(?:[\s-]|\sand\s)(?:{_NAMES}))*\b", re.IGNORECASE)
_START = re.compile(rf"(?<![^\W_])(?<!_)(?<!\d[.,'’])(?:{MONEY}\s?)?(?:\d|(?<!\w)\.\d)")
_DIGITS = re.compile(r"[^\d]*\d+")
_DATE = re.compile(r"(?:\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2(?:\d{4}|\d{2}))(?![-/.]?\w)")
_LIST_ITEM = re.compile(r"(?:(?<![^\n])|(?<=[.;:]\s)|(?<=[.;:]\s\s))[^\S\n]*\(?(\d{1,2})[.)](?=\s)")
_FORMS = (
    (re.compile("[\u00a0\u202f]"), " "),
    (re.compile(r"(?<=\d)-(?=[^\W\d_]{2})"), " "),
    (re.compile(r"(?<=\d)(?:st|nd|rd|th)\b|(?<=\d0)'?s\b"), ""),
    (re.compile(r"(?<![\w.,])(\d+),(\d{1,2})(?![\d,]|\.\d)"), r"\1.\2"),
)
