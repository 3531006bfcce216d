"""The scale of an axis, and its round numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map from values to places on the page."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        inside = min(max(value, min(self.low, self.high)), max(self.low, self.high))
        return self.start + (inside - self.low) / (self.high - self.low) * (self.end - self.start)


def round_numbers(low: float, high: float, most: int = 4) -> list[float]:
    """Round numbers that cover a range, in equal steps."""
    if not high > low:
        spread = abs(low) / 10 or 1.0
        low, high = low - spread, high + spread
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def scale_over(values: Sequence[float], start: float, end: float) -> tuple[Scale, list[float]]:
    """A scale that covers the values, and the round numbers on it."""
    ticks = round_numbers(min(values), max(values))
    return Scale(ticks[0], ticks[-1], start, end), ticks


def tick_text(value: float) -> str:
    """A round number, short."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"
