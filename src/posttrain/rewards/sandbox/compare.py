"""Compare the values of calls and the output of programs with those of a row."""

import math
import re
from typing import Any

RELATIVE = 1e-12
"""Relative difference below which floats are equal: a sum in another order differs by less."""

NUMBER = re.compile(r"(?<![\w.])([+-]?(?:\d{1,300}\.?\d{0,300}|\.\d{1,300})(?:[eE][+-]?\d{1,3})?)(?![\w.])")


def same_value(got: Any, wanted: Any, tolerance: float) -> bool:
    """Whether a value equals the wanted one by the types of JSON: a tuple is a list, the key of a dict is text.

    Args:
        tolerance: difference allowed between floats.
    """
    if isinstance(got, list | tuple) and isinstance(wanted, list | tuple):
        return len(got) == len(wanted) and all(same_value(*pair, tolerance) for pair in zip(got, wanted, strict=True))
    if isinstance(got, dict) and isinstance(wanted, dict):
        left, right = ({str(key): value for key, value in side.items()} for side in (got, wanted))
        return left.keys() == right.keys() and all(same_value(left[key], right[key], tolerance) for key in left)
    if isinstance(got, int | float) and isinstance(wanted, int | float) and float in (type(got), type(wanted)):
        return got == wanted or close(got, wanted, tolerance)
    return bool(got == wanted)


def close(got: float, wanted: float, tolerance: float) -> bool:
    """Whether two numbers are finite and differ by at most a tolerance above 0."""
    try:
        near = math.isclose(got, wanted, rel_tol=RELATIVE, abs_tol=tolerance)
        return near and tolerance > 0 and math.isfinite(got)
    except OverflowError:
        return False


def same_output(written: str, wanted: str, tolerance: float = 0.0) -> bool:
    """Whether two outputs are equal line by line. Blanks at line ends and empty lines at the end do not count.

    A line ends with a line feed, or carriage return and line feed.

    Args:
        tolerance: difference allowed between decimal numbers; whole numbers are compared as text.
    """
    left, right = _lines(written), _lines(wanted)
    return len(left) == len(right) and all(
        a == b or (tolerance > 0 and _same_numbers(a, b, tolerance)) for a, b in zip(left, right, strict=True)
    )


def _lines(text: str) -> list[str]:
    lines = [line.rstrip(" \t") for line in text.replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _same_numbers(first: str, second: str, tolerance: float) -> bool:
    """Whether two lines are equal except for decimal numbers, which are close."""
    left, right = NUMBER.split(first), NUMBER.split(second)
    return len(left) == len(right) and all(
        a == b or (i % 2 == 1 and bool(set(".eE") & {*a, *b}) and close(float(a), float(b), tolerance))
        for i, (a, b) in enumerate(zip(left, right, strict=True))
    )
