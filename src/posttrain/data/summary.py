"""The summary of a stage's data: what was read, kept, changed and skipped. It is written as ``data.json``."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from posttrain.data.sets.split import TRAIN
from posttrain.data.skipped import SkippedRows, SkipReason


@dataclass(frozen=True, slots=True)
class PartSize:
    """The size of one part of the data.

    Args:
        groups: prompts with their completions.
        tokens: tokens of these groups, packed.
        loss_tokens: tokens that bear loss; None for prompts alone.
    """

    groups: int
    tokens: int
    loss_tokens: int | None = None

    def as_json(self) -> dict[str, int]:
        """The sizes that are known."""
        return {name: size for name, size in asdict(self).items() if size is not None}


@dataclass(frozen=True, slots=True)
class TaskSize:
    """One task of the training part: its name, its groups and its weight in the mixture."""

    name: str
    groups: int
    weight: float


@dataclass(frozen=True, slots=True)
class DataSummary:
    """What became of the rows of a stage's data.

    Args:
        parts: the size of each part; "train" is always there.
        tasks: the tasks of the training part, in the order of their numbers; empty for prompts alone.
        skipped: rows that cannot train, by reason.
        noted: kept rows that were changed, by note (see `RowNote`).
        turns: answers of kept rows that are not learnt or have a weight, by note (see `TurnNote`).
        unread: rows that fill a column which nothing reads, by column.
        max_length: tokens of a prompt with one completion, at most; None where several models read the data, or none.
    """

    parts: Mapping[str, PartSize]
    tasks: tuple[TaskSize, ...] = ()
    skipped: Mapping[SkipReason, SkippedRows] = field(default_factory=dict[SkipReason, SkippedRows])
    noted: Mapping[str, int] = field(default_factory=dict[str, int])
    turns: Mapping[str, int] = field(default_factory=dict[str, int])
    unread: Mapping[str, int] = field(default_factory=dict[str, int])
    max_length: int | None = None

    @classmethod
    def of_rows(cls, count: int) -> Self:
        """The summary of rows that are counted and not encoded."""
        return cls({TRAIN: PartSize(count, 0)})

    @property
    def train(self) -> PartSize:
        """The size of the training part."""
        return self.parts[TRAIN]

    def as_json(self) -> dict[str, Any]:
        """The content of ``data.json``."""
        tasks = {"tasks": [asdict(task) for task in self.tasks]} if self.tasks else {}
        length = {} if self.max_length is None else {"max_length": self.max_length}
        return {
            "parts": {part: size.as_json() for part, size in self.parts.items()},
            **tasks,
            "skipped": {reason: {"rows": s.rows, "first": list(s.first)} for reason, s in self.skipped.items()},
            "noted": dict(self.noted),
            **({"turns": dict(self.turns)} if self.turns else {}),
            "unread": dict(self.unread),
            **length,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The summary that `as_json` wrote."""
        return cls(
            parts={part: PartSize(**sizes) for part, sizes in values["parts"].items()},
            tasks=tuple(TaskSize(**task) for task in values.get("tasks", ())),
            skipped={SkipReason(r): SkippedRows(s["rows"], tuple(s["first"])) for r, s in values["skipped"].items()},
            noted=values["noted"],
            turns=values.get("turns", {}),
            unread=values.get("unread", {}),
            max_length=values.get("max_length"),
        )
