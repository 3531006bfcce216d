"""A recipe in the making: stages, why they are there, what they read; and what they are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posttrain.advise.answers import Answers
from posttrain.advise.facts import Case
from posttrain.advise.machine import Machine, Model
from posttrain.advise.profile import File, Seen, path_from
from posttrain.stages.cost import Load

Stages = dict[str, dict[str, Any]]


@dataclass(slots=True)
class Draft:
    """A recipe in the making.

    Args:
        stages: name → what it says.
        why: name → a comment.
        loads: name → what it has to read, for estimates.
        last: the stage whose model the next one starts from; empty for the recipe's own.
    """

    stages: Stages = field(default_factory=dict[str, dict[str, Any]])
    why: dict[str, str] = field(default_factory=dict[str, str])
    loads: dict[str, Load] = field(default_factory=dict[str, Load])
    last: str = ""

    def add(self, name: str, why: str, load: Load | None, **says: Any) -> None:
        """One more stage, in the order written."""
        self.stages[name] = {key: value for key, value in says.items() if value is not None}
        self.why[name] = why
        if load is not None:
            self.loads[name] = load


@dataclass(frozen=True, slots=True)
class Plan:
    """What the stages of a recipe are made of."""

    seen: Seen
    answers: Answers
    case: Case
    model: Model
    machine: Machine
    folder: Path

    def source(self, file: File, columns: Mapping[str, str], **more: Any) -> Any:
        """A file as a recipe's data."""
        path = path_from(file.path, self.folder)
        more = {key: value for key, value in more.items() if value is not None}
        return {"path": path, **({"columns": dict(columns)} if columns else {}), **more} if columns or more else path

    def load(self, files: Sequence[File], rows: int | None = None) -> Load:
        """What some files take to read."""
        count = sum(file.usable for file in files)
        per = self.model.chars_per_token
        mean = [sum(getattr(f, name) * f.usable for f in files) / max(count, 1) for name in _CHARS]
        return Load(count if rows is None else min(rows, count), mean[0] / per, mean[1] / per)

    def answer_tokens(self, files: Sequence[File]) -> int:
        """Room for an answer: twice the mean one, within bounds and the model's."""
        tokens = 2 * max((file.answer_chars / self.model.chars_per_token for file in files), default=0.0) or 256.0
        most = 512 if self.model.positions is None else max(8, min(512, self.model.positions // 4))
        return int(min(most, max(64, tokens)) // 8 * 8)


_CHARS = ("prompt_chars", "answer_chars")
