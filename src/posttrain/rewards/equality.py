"""Compare two answers as choices, quantities, ranges, lists, times of day, words, or else as formulas."""

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import product

from posttrain.rewards.algebra import shared_algebra
from posttrain.rewards.quantity import Quantity, quantities, same_quantity
from posttrain.rewards.units import Unit, read_unit


def equal(wanted: str, given: str, tolerance: float) -> bool:
    """Whether `given` equals `wanted`, both tidied. The first form that fits both answers decides.

    Raises:
        InputError: `wanted` is neither a number nor a formula.
    """
    if given == wanted:
        return True
    choices = _CHOICE.fullmatch(wanted), _CHOICE.fullmatch(given)
    if choices[0] and choices[1]:
        are_letters = len(wanted) == len(given) == 1  # they may be variables, a and A
        return not are_letters and choices[0]["letter"].casefold() == choices[1]["letter"].casefold()
    wanted, given = (
        choice["text"] if choice and choice["text"] else answer
        for choice, answer in zip(choices, (wanted, given), strict=True)
    )
    for reading in (_equal_quantities, _equal_ranges, _equal_lists, _equal_times):
        verdict = reading(wanted, given, tolerance)
        if verdict is not None:
            return verdict
    if _WORDS.fullmatch(wanted) or _WORDS.fullmatch(given):  # algebra would read words as products of letters
        return wanted.casefold() == given.casefold()
    return _equal_formulas(wanted, given)


def _equal_quantities(wanted: str, given: str, tolerance: float) -> bool | None:
    return _match(quantities(wanted), quantities(given), tolerance)


def _match(wanted: Sequence[Quantity], given: Sequence[Quantity], tolerance: float) -> bool | None:
    """Whether the two share a meaning; None where one of them is no quantity."""
    if not wanted or not given:
        return None
    return any(same_quantity(a, b, tolerance) for a, b in product(wanted, given))


def _equal_ranges(wanted: str, given: str, tolerance: float) -> bool | None:
    """5-10 mg, 5 to 10 mg and between 5 and 10 mg are the same range; None where an answer is no range."""
    left, right = _range(wanted), _range(given)
    if left is None or right is None:
        return None
    return all(_match(a, b, tolerance) for a, b in zip(left, right, strict=True))


def _range(answer: str) -> tuple[Sequence[Quantity], Sequence[Quantity]] | None:
    match = _RANGE.fullmatch(answer)
    if match is None:
        return None
    low, high = quantities(match["low"]), quantities(match["high"])
    if not low or not high:
        return None
    if low[0].unit is None:  # the unit behind the range belongs to both ends
        low = tuple(Quantity(low[0].value, end.unit) for end in high)
    return None if match["minus"] and low[0].value >= high[0].value else (low, high)  # 10-4 is a difference


def _equal_lists(wanted: str, given: str, tolerance: float) -> bool | None:
    """Whether two lists have equal quantities in any order; None where neither is a list, or an item is no quantity."""
    lists = [[quantities(item) for item in _SEPARATOR.split(answer)] for answer in (wanted, given)]
    if max(map(len, lists)) < 2 or not all(item for items in lists for item in items) or "=" in wanted + given:
        return None
    unmatched = lists[1]
    for item in lists[0]:
        index = next((i for i, other in enumerate(unmatched) if _match(item, other, tolerance)), None)
        if index is None:
            return False
        unmatched.pop(index)
    return not unmatched


def _equal_times(wanted: str, given: str, tolerance: float) -> bool | None:
    """2:30 pm equals 14:30, and 2:30 too, which may be in either half of the day; None where neither names a half."""
    times = _TIME.fullmatch(wanted), _TIME.fullmatch(given)
    if times[0] is None or times[1] is None or not (times[0]["half"] or times[1]["half"]):
        return None
    clocks = [(_minutes(time), bool(time["half"]) or int(time["hour"]) > 12) for time in times if time]
    day = 24 * 60 if all(sure for _, sure in clocks) else 12 * 60
    return clocks[0][0] % day == clocks[1][0] % day


def _minutes(time: re.Match[str]) -> int:
    hour, half = int(time["hour"]), (time["half"] or "").lower()
    return (hour % 12 + 12 * (half == "p") if half else hour) * 60 + int(time["minute"] or 0)


def _equal_formulas(wanted: str, given: str) -> bool:
    (formula, units), (other, other_units) = _without_unit(wanted), _without_unit(given)
    if units and other_units:
        sizes = {a.size / b.size for a, b in product(units, other_units) if a.powers == b.powers and a.zero == b.zero}
        return any(_equal_by_algebra(_times(size, formula), other) for size in sorted(sizes))
    return _equal_by_algebra(formula, other)


def _without_unit(answer: str) -> tuple[str, tuple[Unit, ...]]:
    """(formula, units): a formula without variables, such as ``16\\pi``, loses its unit; others keep theirs."""
    for space in re.finditer(r"\s", answer):
        unit = read_unit(answer, space.end())
        if unit is not None and unit.end == len(answer) and not _VARIABLE.search(answer, 0, space.start()):
            return answer[: space.start()], unit.units
    return answer, ()


def _times(size: Fraction, formula: str) -> str:
    return formula if size == 1 else f"\\frac{{{size.numerator}}}{{{size.denominator}}} \\cdot ({formula})"


def _equal_by_algebra(wanted: str, given: str) -> bool:
    return shared_algebra().equal(_as_latex(wanted), _as_latex(given))


def _as_latex(answer: str) -> str:
    """Plain notation as LaTeX: ``**``, ``*``, ``sqrt(2)``, ``pi``. ``E_1`` is a name, not the number e."""
    answer = answer.replace("**", "^").replace("*", " \\cdot ").replace("$", "").replace("°", "")
    answer = re.sub(r"(?<![A-Za-z\\])(?<!mathrm{)([EeI])(?=_)", r"\\mathrm{\1}", answer)
    answer = re.sub(r"(?<![\\\w])sqrt\(([^()]*)\)", r"\\sqrt{\1}", answer)
    return re.sub(r"(?<![\\A-Za-z])(pi|sin|cos|tan|log|ln|exp)(?![A-Za-z])", r"\\\1 ", answer)


_CHOICE = re.compile(r"\(?(?P<letter>[A-Za-z](?=\)?$)|[A-Ja-j](?=[).:]))[).:]*(?:\s+(?P<text>\S.*))?")
_RANGE = re.compile(
    r"(?:from\s|(?P<between>between\s))?(?P<low>.*?\d.*?)\s?(?(between)\band\b|(?:(?P<minus>-)|–|—|\bto\b))\s?(?P<high>.*\d.*)"
)
_SEPARATOR = re.compile(r"\s*(?:[,;]?\s*\b(?:and|or)\b|;|,\s|,(?!\d{3}(?!\d)))\s*")
_TIME = re.compile(r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d))?\s*(?:(?P<half>[ap])\.?\s?m\.?)?", re.IGNORECASE)
_WORDS = re.compile(r"[A-Za-z]{3,}(?: [A-Za-z]+)*")
_VARIABLE = re.compile(r"(?<![A-Za-z\\])[A-Za-z]")
