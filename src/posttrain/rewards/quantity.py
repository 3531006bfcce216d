"""Read quantities: a number as people write it, with words of scale and a unit."""

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from posttrain.rewards.units import PERCENT, Unit, read_unit

LONGEST = 300
"""Longest answer in characters; a longer text is no answer."""


class Quantity(NamedTuple):
    """A value with its unit, if it has one; 50% is 50 with the unit percent.

    Args:
        doubtful: the unit may be a word of scale instead (300K); then it is compared only with another unit.
    """

    value: Fraction
    unit: Unit | None = None
    doubtful: bool = False


class QuantityMatch(NamedTuple):
    """The meanings of a quantity in a text (5 pounds are money or a mass), and the index behind it."""

    meanings: tuple[Quantity, ...]
    end: int


def quantities(answer: str) -> tuple[Quantity, ...]:
    """Every meaning of an answer that is a quantity and nothing else; empty where it is something else.

    Examples: 18, -1,000, 1 000, 1,00,000, $18.00, 50%, 3/4, 1 1/2, 1.2e3, 1.2 \\times 10^3, "x = 18", "18 apples",
    "2.5 million", "4 dozen eggs", "9.8 m/s^2" and "1 hour 30 minutes".
    """
    if len(answer) > LONGEST:
        return ()
    for pattern, replacement in _UNIT_LATEX:
        answer = pattern.sub(replacement, answer)
    lead = _LEAD.match(answer)
    quantity = read_quantity(answer, lead.end() if lead else 0)
    return quantity.meanings if quantity is not None and _REST.fullmatch(answer, quantity.end) else ()


def read_quantity(text: str, start: int) -> QuantityMatch | None:
    """The quantity at an index of the text, as one number or several that add up; None where there is none."""
    quantity = _read_number(text, start)
    while quantity is not None and (more := _AND_MORE.match(text, quantity.end)) is not None:
        longer = _sum(quantity, _read_number(text, more.end()))
        if longer is None:
            break
        quantity = longer
    return quantity


def _read_number(text: str, start: int) -> QuantityMatch | None:
    """One number at an index, with its scale and unit."""
    match = _NUMBER.match(text, start)
    value = None if match is None or len(match[0]) > LONGEST else _value(match)
    if match is None or value is None:
        return None
    scale, end = Fraction(1), match.end()
    while (word := _SCALE.match(text, end)) is not None:
        scale, end = scale * _SCALES[word[1].lower().rstrip("s")], word.end()
    short = _SHORT_SCALE.match(text, end) if scale == 1 else None
    money = match["money"] or ""
    if short is not None and (money or short[1] not in "mt"):
        size = _SHORT_SCALES[short[1].lower()]
        unit = read_unit(text, short.end(), money)
        meanings = _with_units(value * size, unit.units if unit else ())
        as_unit = None if money else read_unit(text, end)  # 300K are 300,000 or 300 kelvin
        if as_unit is not None:
            meanings += tuple(Quantity(value, each, doubtful=True) for each in as_unit.units)
        return QuantityMatch(meanings, unit.end if unit else short.end())
    unit = read_unit(text, end, money)
    return QuantityMatch(_with_units(value * scale, unit.units if unit else ()), unit.end if unit else end)


def same_quantity(wanted: Quantity, given: Quantity, tolerance: float) -> bool:
    """Whether two quantities are equal within the tolerance. Where both have a unit, it is converted; one may lack it.

    A percentage equals a number without unit either as it is written or as a share: 50% equals 50, and 0.5.
    """
    if wanted.unit is None or given.unit is None:
        if wanted.doubtful or given.doubtful:
            return False
        if _close(wanted.value, given.value, tolerance):
            return True
        left, right = (q.value / 100 if q.unit == PERCENT else q.value for q in (wanted, given))
        return PERCENT in (wanted.unit, given.unit) and _close(left, right, tolerance)
    return wanted.unit.powers == given.unit.powers and _close(_in_base(wanted), _in_base(given), tolerance)


def _in_base(quantity: Quantity) -> Fraction:
    assert quantity.unit is not None
    return (quantity.value + quantity.unit.zero) * quantity.unit.size


def _close(a: Fraction, b: Fraction, tolerance: float) -> bool:
    if a.denominator == b.denominator == 1:
        return a == b
    return abs(a - b) <= Fraction(tolerance) * max(abs(a), abs(b))


def _with_units(value: Fraction, units: tuple[Unit, ...]) -> tuple[Quantity, ...]:
    return tuple(Quantity(value, unit) for unit in units) or (Quantity(value),)


def _sum(first: QuantityMatch, second: QuantityMatch | None) -> QuantityMatch | None:
    """The sum of two quantities, such as 1 hour 30 minutes; None where they do not add up."""
    meanings = () if second is None else tuple(_sums(first.meanings, second.meanings))
    return QuantityMatch(meanings, second.end) if second is not None and meanings else None


def _sums(firsts: tuple[Quantity, ...], seconds: tuple[Quantity, ...]) -> Iterator[Quantity]:
    for a in firsts:
        for b in seconds:
            if a.unit and b.unit and a.unit.powers == b.unit.powers and b.unit.size < a.unit.size and not a.unit.zero:
                yield Quantity(a.value + b.value * b.unit.size / a.unit.size, a.unit)


def _value(match: re.Match[str]) -> Fraction | None:
    """The number without scale and unit; None where its denominator is 0, or a digit does not belong to its base."""
    if match["alone"] is not None:
        value = Fraction(10) ** int(match["alone"])
    elif match["base"] is not None:
        try:
            value = Fraction(int(match["digits"], int(match["base"])))
        except ValueError:
            return None
    else:
        digits = match["value"]
        groups = digits.count(".") > 1
        value = Fraction(re.sub(r"[,'’ ~]" if not groups else r"[.]", "", digits))
        if match["below"] is not None:
            if not int(match["below"]):
                return None
            value /= int(match["below"])
        if match["whole"] is not None:
            value += int(match["whole"])
        value *= Fraction(10) ** int(match["power"] or match["ten"] or 0)
    return -value if "-" in match["sign"] or "-" in match["inner"] else value


_FUNCTION = r"(?:pi|sqrt|sin|cos|tan|log|ln|exp|mod)"
MONEY = r"(?:(?:US)?\$|€|£|¥|₹|(?:USD|EUR|GBP|INR|JPY|CHF|CNY|Rs\.?)(?=\s?[-+\d.]))"
_LEAD = re.compile(
    rf"""(?:(?!{_FUNCTION}\b|{MONEY}|not\b|minus\b|negative\b)[A-Za-z]{{2}}[A-Za-z',:.]*\s)*  # "about 18"
    (?:[A-Za-z]\s?=\s?)?                                                                       # "x = 18"
    (?:[~≈]|\\approx(?![a-z]))?\s?""",
    re.VERBOSE,
)
DIGITS = r"""(?:\d{1,3}(?:,\d{3})+(?!\d)|\d{1,2}(?:,\d{2}){1,9},\d{3}(?!\d)|\d{1,3}(?:[ ~'’]\d{3})+(?!\d)
    |\d{1,3}(?:\.\d{3}){2,9}(?![\d.])|\d+)(?:\.\d+)?|\.\d+"""
_NUMBER = re.compile(
    rf"""(?P<sign>[-+]?)\s?(?P<money>{MONEY})?\s?(?P<inner>[-+]?)
    (?:10\s?\^\s?(?:\{{\s?)?(?P<alone>[-+]?\d{{1,3}})(?:\s?\}})?
    |(?P<digits>\d[0-9A-Za-z]*)_\{{?(?P<base>[12]\d|3[0-6]|[2-9])\}}?(?!\d)
    |(?:(?P<whole>\d+)\s(?=\d+/))?(?P<value>{DIGITS})(?:\s?/\s?(?P<below>\d+))?
    (?:[eE](?P<power>[-+]?\d{{1,3}})
    |\s?(?:\*|[×·x]|\\times|\\cdot)\s?10\s?\^\s?(?:\{{\s?)?(?P<ten>[-+]?\d{{1,3}})(?:\s?\}})?)?)""",
    re.VERBOSE,
)
_SCALES = {
    "hundred": Fraction(100),
    "thousand": Fraction(10**3),
    "million": Fraction(10**6),
    "billion": Fraction(10**9),
    "trillion": Fraction(10**12),
    "dozen": Fraction(12),
    "lakh": Fraction(10**5),
    "lac": Fraction(10**5),
    "crore": Fraction(10**7),
    "mn": Fraction(10**6),
    "bn": Fraction(10**9),
    "tn": Fraction(10**12),
}
_SCALE = re.compile(rf"[\s-]?({'|'.join(_SCALES)})s?\b", re.IGNORECASE)
_SHORT_SCALES = {"k": Fraction(10**3), "m": Fraction(10**6), "b": Fraction(10**9), "t": Fraction(10**12)}
_SHORT_SCALE = re.compile(r"([kKmMBtT])(?![\w/^])")
_AND_MORE = re.compile(r"\s?(?:,|and\b|,\s?and\b)?\s?(?=\d)")
_REST = re.compile(rf"[\s.,;]*(?:[\s(,][\s(]?(?!{_FUNCTION}\b)[A-Za-z]{{2}}[^=+*^\\<>\d]*)?")
_UNIT_LATEX = (
    (re.compile(r"\bper\scent\b", re.IGNORECASE), "percent"),
    (re.compile(r"\\mu(?![a-z])\s*|μ"), "µ"),
    (re.compile(r"\\Omega(?![a-z])"), "Ω"),
    (
        re.compile(r"\\[dt]?frac\s?\{\s?([A-Za-zµ$€£]+(?:\s?\^\s?\d)?)\s?\}\s?\{\s?([A-Za-zµ]+(?:\s?\^\s?\d)?)\s?\}"),
        r"\1/\2",
    ),
    (re.compile(r"°\s?(?=[CF]\b)|\bdegrees?\s(?=[CF]\b)"), "°"),
    (re.compile(r"\bdegrees?\s(?=(?:celsius|fahrenheit)\b)", re.IGNORECASE), ""),
)
"""Units in LaTeX and words → the form that `units` reads."""
