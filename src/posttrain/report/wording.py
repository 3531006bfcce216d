"""Numbers and lists as people read them."""

from collections.abc import Mapping, Sequence
from typing import Any

from posttrain.statistics.estimate import Estimate, Unit


def number_text(value: float | None, unit: Unit = "value") -> str:
    """A value in its unit; a dash for a missing one."""
    if value is None:
        return "–"
    if unit == "share":
        return f"{value:.1%}"
    if unit == "count" or (value == round(value) and abs(value) >= 100):
        return f"{value:,.0f}"
    return f"{value:.4f}" if unit == "nats" and abs(value) >= 0.001 else f"{value:.4g}"


def signed_text(value: float, unit: Unit = "value") -> str:
    """A difference with its sign; shares in percentage points."""
    if unit == "share":
        return f"{100 * value:+.1f} points"
    return f"{value:+.4g}"


def interval_text(ends: Sequence[float] | None, unit: Unit = "value") -> str:
    """Both ends of an interval; empty if there is none."""
    return "" if ends is None else f"{number_text(ends[0], unit)} to {number_text(ends[1], unit)}"


def signed_interval(ends: Sequence[float] | None, unit: Unit = "value") -> str:
    """Both ends of a difference's interval."""
    if ends is None:
        return ""
    if unit == "share":
        return f"{100 * ends[0]:+.1f} to {100 * ends[1]:+.1f} points"
    return f"{ends[0]:+.4g} to {ends[1]:+.4g}"


def estimate_text(estimate: Estimate | None) -> str:
    """An estimate's value."""
    return "–" if estimate is None else number_text(estimate.value, estimate.unit)


def p_text(p: float) -> str:
    """A p-value."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def listed(names: Sequence[str]) -> str:
    """Names as a part of a sentence: ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def counted(n: int, noun: str) -> str:
    """``1 gate``, ``2 gates``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def duration_text(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def gate_text(gate: Mapping[str, Any]) -> str:
    """The claim of a gate. A gate for each slice (``[*]``) is shown with the slice that the verdict is about."""
    text, part = str(gate["gate"]), str(gate.get("key") or "").partition("[")[2]
    return text.replace("[*]", f"[{part}") if part else text
