"""Read units such as ``mg/kg per day``, ``m^2`` or ``square feet``: their dimension and their size.

The table of units is our own. A general library of units reads many plain words as units (``cats`` as
centi-atmospheres), and it has no money, tablets or international units. Here an unknown word is no unit.
"""

import re
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from posttrain.rewards.unit_names import ADVERBS, UNITS


class Unit(NamedTuple):
    """A product of powers of base units, such as ``m s^-2``.

    Args:
        size: the size of the unit in base units.
        powers: base unit → power, sorted, without powers of 0.
        zero: offset that is added before `size` multiplies: 273.15 for °C, whose zero is not that of the kelvin.
    """

    size: Fraction
    powers: tuple[tuple[str, int], ...]
    zero: Fraction = Fraction(0)


PERCENT = Unit(Fraction(1), (("percent", 1),))


class UnitMatch(NamedTuple):
    """The units that a text can mean (a pound is money or a mass), and the index behind them."""

    units: tuple[Unit, ...]
    end: int


def read_unit(text: str, start: int = 0, prefix: str = "") -> UnitMatch | None:
    """The unit that starts at an index of the text; None where no known unit starts.

    Args:
        prefix: the sign of a currency before the number.
    """
    units = tuple(_named(prefix)) if prefix else ()
    at = start
    while (factor := _FACTOR.match(text, at)) is not None:
        per = factor["per"] is not None
        adverb = ADVERBS.get(factor["name"].casefold())
        named = tuple(_named(adverb or factor["name"], alone=not units and not per))
        is_word = len(factor["name"]) > 3 and not adverb  # two words do not multiply, as two symbols (`kg m`) do
        if not named or (units and not factor["join"] and is_word) or _is_preposition(text, factor):
            break
        power = _power(factor) * (-1 if per or adverb else 1)
        units = tuple(_times(a, _to_power(b, power)) for a in units or (_ONE,) for b in named)
        at = factor.end()
    return UnitMatch(units, at) if units else None


def _named(name: str, *, alone: bool = False) -> Iterator[Unit]:
    """Every meaning of a name. With `alone`, letters that are often variables are no unit."""
    name = name.rstrip(".")
    if alone and name in _VARIABLES:
        return
    word = name.lower()
    singular = [word.removesuffix("s"), word.removesuffix("es")] if len(word) > 2 and word != "has" else []
    forms = (name, *([word] if len(word) > 1 else []), *singular)
    meanings = next((UNITS[form] for form in forms if form in UNITS), ())
    for size, powers, zero in meanings:
        yield Unit(size, tuple(sorted(powers.items())), zero)


def _is_preposition(text: str, factor: re.Match[str]) -> bool:
    """Whether `in` is a preposition, as in `18 in total`: it means inches only where nothing follows."""
    return factor["name"].lower() == "in" and re.match(r"\.?\s*\w", text[factor.end() :]) is not None


def _power(factor: re.Match[str]) -> int:
    written = factor["power"]
    power = int(written) if written else {"squared": 2, "cubed": 3}.get(factor["times"] or "", 1)
    return power * (1 if not factor["before"] else 2 if factor["before"].startswith("sq") else 3)


def _to_power(unit: Unit, power: int) -> Unit:
    return unit if power == 1 else Unit(unit.size**power, tuple((base, n * power) for base, n in unit.powers))


def _times(a: Unit, b: Unit) -> Unit:
    if not a.powers:
        return b._replace(size=a.size * b.size)
    powers = Counter(dict(a.powers))
    for base, power in b.powers:
        powers[base] += power
    return Unit(a.size * b.size, tuple(sorted((base, n) for base, n in powers.items() if n)))


_VARIABLES = frozenset("dtpB")
_ONE = Unit(Fraction(1), ())
_FACTOR = re.compile(
    r"""(?:\s*(?P<join>(?P<per>/|per\b|(?:an?|every)\b(?=\s[a-z]))|[·*]|\\cdot\b))?
    \s*(?:(?P<before>square|sq\.?|cubic|cu\.?)\s)?
    \s*(?P<name>[A-Za-zµΩ°€£¥₹$¢%]+\.?)
    (?:\s?\^\s?\{?\s?(?P<power>-?\d)\s?\}?(?!\d)|\s(?P<times>squared|cubed)\b)?""",
    re.VERBOSE,
)
