"""A recipe under construction, with a comment and a load for each stage; and the inputs for building stages."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posttrain.advise.answers import Answers
from posttrain.advise.facts import AdviceCase
from posttrain.advise.machine import Machine
from posttrain.advise.profile import DataProfile, FileProfile
from posttrain.advise.start_model import StartModel
from posttrain.stages.cost import Load

StageKeys = dict[str, dict[str, Any]]
"""Name of a stage → its keys in the recipe."""


@dataclass(slots=True)
class RecipeDraft:
    """A recipe under construction.

    Args:
        stages: name → the stage's keys.
        comments: name → the stage's comment.
        loads: name → how much the stage has to read, for estimates.
        last: the stage whose model the next stage starts from; empty for the recipe's model.
    """

    stages: StageKeys = field(default_factory=dict[str, dict[str, Any]])
    comments: dict[str, str] = field(default_factory=dict[str, str])
    loads: dict[str, Load] = field(default_factory=dict[str, Load])
    last: str = ""

    def add(self, name: str, comment: str, load: Load | None, **keys: Any) -> None:
        """Append a stage; keys that are None are left out."""
        self.stages[name] = {key: value for key, value in keys.items() if value is not None}
        self.comments[name] = comment
        if load is not None:
            self.loads[name] = load


@dataclass(frozen=True, slots=True)
class BuildContext:
    """The inputs from which the stages of a recipe are built.

    Args:
        folder: the recipe's folder, from which its paths start.
    """

    profile: DataProfile
    answers: Answers
    case: AdviceCase
    model: StartModel
    machine: Machine
    folder: Path

    def source(self, file: FileProfile, columns: Mapping[str, str], **more: Any) -> Any:
        """A file as an entry of a recipe's data."""
        path = recipe_path(file.path, self.folder)
        more = {key: value for key, value in more.items() if value is not None}
        return {"path": path, **({"columns": dict(columns)} if columns else {}), **more} if columns or more else path

    def load(self, files: Sequence[FileProfile], rows: int | None = None) -> Load:
        """How much there is to read in the files, or in at most `rows` rows of them."""
        count = sum(file.usable for file in files)
        per = self.model.chars_per_token
        prompt, answer = (
            sum(getattr(file, name) * file.usable for file in files) / max(count, 1)
            for name in ("prompt_chars", "answer_chars")
        )
        return Load(count if rows is None else min(rows, count), prompt / per, answer / per)

    def answer_tokens(self, files: Sequence[FileProfile]) -> int:
        """The limit of new tokens for the longest answers of these files; see `answer_limit`."""
        return answer_limit(max((file.answer_chars for file in files), default=0.0), self.model)


def answer_limit(answer_chars: float, model: StartModel) -> int:
    """The limit of new tokens: twice the mean answer, within 64 and 512 and within the model's positions.

    Args:
        answer_chars: mean length of the answers in characters; 0 if there are none.
    """
    tokens = 2 * answer_chars / model.chars_per_token or 256.0
    most = 512 if model.positions is None else max(8, min(512, model.positions // 4))
    return int(min(most, max(64, tokens)) // 8 * 8)


def recipe_path(path: str, folder: Path) -> str:
    """A path as a recipe in the folder writes it.

    It is relative to the folder, except that an absolute path stays absolute if it is two folders up or more.
    """
    if path.startswith("hf://"):
        return path
    given = Path(path).expanduser()
    relative = Path(os.path.relpath(given, folder)).as_posix()
    return given.as_posix() if given.is_absolute() and relative.startswith("../../") else relative
