"""What of a source is not used, rows that cannot train and columns that nothing reads: counted, never in silence."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

_SHOWN = 3


class RowSkipped(Exception):
    """Raised by a row's reader; its text is the reason, the same for all such rows."""


@dataclass(slots=True)
class Skips:
    """What was left out of a source, and why.

    Args:
        counts: rows by reason.
        first: the first few places by reason.
        shown: how many places; None for all.
        unread: rows that fill a column which nothing reads, by column.
    """

    counts: Counter[str] = field(default_factory=Counter[str])
    first: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    shown: int | None = _SHOWN
    unread: Counter[str] = field(default_factory=Counter[str])

    def add(self, reason: str, where: str) -> None:
        """Count one row."""
        self.counts[reason] += 1
        places = self.first.setdefault(reason, [])
        if self.shown is None or len(places) < self.shown:
            places.append(where)

    def told(self) -> dict[str, dict[str, Any]]:
        """Reason → how many rows, and the first places, for ``data.json``."""
        return {reason: {"rows": n, "first": self.first[reason]} for reason, n in self.counts.items()}

    def lines(self) -> list[str]:
        """A sentence for each reason, the most frequent first."""
        return [
            f"{count} {'row' if count == 1 else 'rows'} skipped, {reason}: {', '.join(self.first[reason])}"
            + (", ..." if count > len(self.first[reason]) else "")
            for reason, count in self.counts.most_common()
        ]
