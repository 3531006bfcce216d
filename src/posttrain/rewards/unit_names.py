"""The table of units: name → its meanings, each (size in base units, powers of the base units, offset of its zero).

Base units are gram, metre, second, mole, ampere, kelvin and byte, each currency, each thing that is counted, and the
month. A symbol is looked up with its case first. Words are in lower case and singular.
"""

from collections.abc import Mapping
from fractions import Fraction

Meaning = tuple[Fraction, Mapping[str, int], Fraction]

_PREFIXES = {
    "G": ("giga", 9),
    "M": ("mega", 6),
    "k": ("kilo", 3),
    "d": ("deci", -1),
    "c": ("centi", -2),
    "m": ("milli", -3),
    "µ": ("micro", -6),
    "n": ("nano", -9),
    "p": ("pico", -12),
}

_ENERGY = {"g": 1, "m": 2, "s": -2}
_METRIC: tuple[tuple[str, str, str, str, Mapping[str, int]], ...] = (
    # symbols, words, prefixes, size, powers
    ("g", "gram gramme", "kmµnp", "1", {"g": 1}),
    ("m", "meter metre", "kdcmµn", "1", {"m": 1}),
    ("L l", "liter litre", "dcmµk", "1/1000", {"m": 3}),
    ("s", "second sec", "mµnp", "1", {"s": 1}),
    ("mol", "mole", "kmµnp", "1", {"mol": 1}),
    ("A", "ampere amp", "mµ", "1", {"A": 1}),
    ("Hz", "hertz", "GMk", "1", {"s": -1}),
    ("N", "newton", "kM", "1000", {"g": 1, "m": 1, "s": -2}),
    ("J", "joule", "GMkm", "1000", _ENERGY),
    ("W", "watt", "GMkm", "1000", {"g": 1, "m": 2, "s": -3}),
    ("Wh", "", "GMk", "3600000", _ENERGY),
    ("V", "volt", "kmM", "1000", {"g": 1, "m": 2, "s": -3, "A": -1}),
    ("Ω", "ohm", "kM", "1000", {"g": 1, "m": 2, "s": -3, "A": -2}),
    ("Pa", "pascal", "GMk", "1000", {"g": 1, "m": -1, "s": -2}),
    ("cal", "calorie", "k", "4184", _ENERGY),
    ("B", "byte", "GMk", "1", {"byte": 1}),
    ("Eq eq", "equivalent", "mµ", "1", {"eq": 1}),
    ("IU U", "unit", "mµkM", "1", {"unit": 1}),
)

_DAY = "86400"
_OTHERS: tuple[tuple[str, str, Mapping[str, int]], ...] = (
    # names, size, powers; a name in two rows has both meanings
    ("mcg ug", "1/1000000", {"g": 1}),
    ("umol", "1/1000000", {"mol": 1}),
    ("um micron", "1/1000000", {"m": 1}),
    ("uL ul", "1/1000000000", {"m": 3}),
    ("cc", "1/1000000", {"m": 3}),
    ("tonne t", "1000000", {"g": 1}),
    ("ton", "1000000", {"g": 1}),
    ("ton", "907184.74", {"g": 1}),
    ("lb lbs pound", "453.59237", {"g": 1}),
    ("oz ounce", "28.349523125", {"g": 1}),
    ("stone", "6350.29318", {"g": 1}),
    ("in inch inches", "0.0254", {"m": 1}),
    ("ft foot feet", "0.3048", {"m": 1}),
    ("yd yds yard", "0.9144", {"m": 1}),
    ("mi mile", "1609.344", {"m": 1}),
    ("acre", "4046.8564224", {"m": 2}),
    ("ha hectare", "10000", {"m": 2}),
    ("gal gallon", "0.003785411784", {"m": 3}),
    ("qt quart", "0.000946352946", {"m": 3}),
    ("pt pint", "0.000473176473", {"m": 3}),
    ("cup", "0.0002365882365", {"m": 3}),
    ("tbsp tablespoon", "0.00001478676478125", {"m": 3}),
    ("tbsp tablespoon", "0.000015", {"m": 3}),
    ("tsp teaspoon", "0.00000492892159375", {"m": 3}),
    ("tsp teaspoon", "0.000005", {"m": 3}),
    ("min minute", "60", {"s": 1}),
    ("h hr hour", "3600", {"s": 1}),
    ("d day", _DAY, {"s": 1}),
    ("wk week", "604800", {"s": 1}),
    ("fortnight", "1209600", {"s": 1}),
    ("mo month", "1", {"month": 1}),
    ("yr year", "12", {"month": 1}),
    ("yr year", "31536000", {"s": 1}),
    ("decade", "120", {"month": 1}),
    ("century centuries", "1200", {"month": 1}),
    ("mph", "0.44704", {"m": 1, "s": -1}),
    ("kph kmh kmph", "5/18", {"m": 1, "s": -1}),
    ("bpm", "1/60", {"beat": 1, "s": -1}),
    ("rpm", "1/60", {"turn": 1, "s": -1}),
    ("rev revolution turn rotation", "1", {"turn": 1}),
    ("mmHg", "133322.387415", {"g": 1, "m": -1, "s": -2}),
    ("atm", "101325000", {"g": 1, "m": -1, "s": -2}),
    ("bar", "100000000", {"g": 1, "m": -1, "s": -2}),
    ("M", "1000", {"mol": 1, "m": -3}),
    ("mM", "1", {"mol": 1, "m": -3}),
    ("K kelvin", "1", {"K": 1}),
    ("° deg degree", "1", {"degree": 1}),
    ("rad radian", "1", {"radian": 1}),
    ("bit", "1/8", {"byte": 1}),
    ("% percent pct", "1", {"percent": 1}),
    ("$ US$ USD dollar buck", "1", {"USD": 1}),
    ("¢ cent penny", "1/100", {"USD": 1}),
    ("¢ cent", "1/100", {"EUR": 1}),
    ("€ EUR euro", "1", {"EUR": 1}),
    ("£ GBP pound quid", "1", {"GBP": 1}),
    ("pence p penny", "1/100", {"GBP": 1}),
    ("¥ JPY yen", "1", {"JPY": 1}),
    ("¥ CNY RMB yuan", "1", {"CNY": 1}),
    ("₹ INR Rs rupee", "1", {"INR": 1}),
    ("paisa paise", "1/100", {"INR": 1}),
    ("CHF franc", "1", {"CHF": 1}),
)

_COUNTED = (
    "tablet tab",
    "capsule cap caps",
    "drop gtt gtts",
    "puff",
    "vial",
    "ampoule ampule",
    "dose",
    "patch",
    "beat",
)
"""Things in which doses are counted; each is a base unit."""

ADVERBS = {
    "hourly": "hour",
    "daily": "day",
    "weekly": "week",
    "monthly": "month",
    "yearly": "year",
    "annually": "year",
}
"""Adverb → the unit of time in its denominator: `hourly` is `per hour`."""


def _table() -> dict[str, tuple[Meaning, ...]]:
    table: dict[str, tuple[Meaning, ...]] = {}

    def add(names: str, size: Fraction, powers: Mapping[str, int], zero: Fraction = Fraction(0)) -> None:
        for name in names.split():
            table[name] = (*table.get(name, ()), (size, powers, zero))

    for symbols, words, prefixes, size, powers in _METRIC:
        add(f"{symbols} {words}", Fraction(size), powers)
        for prefix in prefixes:
            long, power = _PREFIXES[prefix]
            names = [prefix + symbol for symbol in symbols.split()] + [long + word for word in words.split()]
            add(" ".join(names), Fraction(size) * Fraction(10) ** power, powers)
    for names, size, powers in _OTHERS:
        add(names, Fraction(size), powers)
    for names in _COUNTED:
        add(names, Fraction(1), {names.split()[0]: 1})
    add("pill", Fraction(1), {"tablet": 1})
    add("pill", Fraction(1), {"capsule": 1})
    add("°C C celsius", Fraction(1), {"K": 1}, Fraction("273.15"))
    add("°F F fahrenheit", Fraction(5, 9), {"K": 1}, Fraction("459.67"))
    return table


UNITS = _table()
