"""Whether what the code gave is what a row wants: values of calls, and the output of programs."""

import math
import re
from typing import Any

RELATIVE = 1e-12
"""Numbers this close in proportion are the same: what a float keeps of a sum taken in another order."""

NUMBER = re.compile(r"(?<![\w.])([+-]?(?:\d{1,300}\.?\d{0,300}|\.\d{1,300})(?:[eE][+-]?\d{1,3})?)(?![\w.])")


def alike(got: Any, wanted: Any, tolerance: float) -> bool:
    """Whether a value is the wanted one as JSON has it: a tuple is a list, a key of a dict is text.

    Args:
        tolerance: by how much a float may differ.
    """
    if isinstance(got, list | tuple) and isinstance(wanted, list | tuple):
        return len(got) == len(wanted) and all(alike(*pair, tolerance) for pair in zip(got, wanted, strict=True))
    if isinstance(got, dict) and isinstance(wanted, dict):
        left, right = ({str(key): value for key, value in side.items()} for side in (got, wanted))
        return left.keys() == right.keys() and all(alike(left[key], right[key], tolerance) for key in left)
    if isinstance(got, int | float) and isinstance(wanted, int | float) and float in (type(got), type(wanted)):
        return got == wanted or close(got, wanted, tolerance)
    return bool(got == wanted)


def close(got: float, wanted: float, tolerance: float) -> bool:
    """Whether two finite numbers differ by no more than a tolerance, which is not 0."""
    try:
        near = math.isclose(got, wanted, rel_tol=RELATIVE, abs_tol=tolerance)
        return near and tolerance > 0 and math.isfinite(got)
    except OverflowError:
        return False


def same_output(written: str, wanted: str, tolerance: float = 0.0) -> bool:
    """Line by line, blanks at the ends of lines and empty lines at the end aside.

    A line ends with a line feed, or carriage return and line feed.

    Args:
        tolerance: by how much two numbers may differ that differ as text. Whole numbers never may.
    """
    left, right = _lines(written), _lines(wanted)
    return len(left) == len(right) and all(
        one == other or (tolerance > 0 and _same_numbers(one, other, tolerance))
        for one, other in zip(left, right, strict=True)
    )


def _lines(text: str) -> list[str]:
    lines = [line.rstrip(" \t") for line in text.replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _same_numbers(one: str, other: str, tolerance: float) -> bool:
    """Whether two lines are the same but for decimal numbers, which are close."""
    left, right = NUMBER.split(one), NUMBER.split(other)
    return len(left) == len(right) and all(
        a == b or (i % 2 == 1 and bool(set(".eE") & {*a, *b}) and close(float(a), float(b), tolerance))
        for i, (a, b) in enumerate(zip(left, right, strict=True))
    )
