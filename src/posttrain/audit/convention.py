"""How a file's rows are to be read: by its recipe's columns, by its own, or by names that others give to the same."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from posttrain.data.formats import CONVENTIONS, Convention
from posttrain.data.read import Row

ReadAs = Literal["sft", "preference", "prompt", "judged", "unknown"]

_ASKED = ("prompt", "question", "query", "instruction", "dialogue", "problem", "body", "document", "article")
_ANSWERED = (
    "completion",
    "answer",
    "response",
    "output",
    "long_answer",
    "target",
    "summary",
    "section_text",
    "canonical_solution",
    "solution",
)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a source's rows are read.

    Args:
        kind: what they are for; "judged": two responses and what annotators said of them; "unknown": no convention
            fits, only checks that need none run.
        convention: its name.
        columns: standard name → the file's name.
        guessed: whether the columns are a guess, that the user should see.
        task: of rows without a task column.
    """

    kind: ReadAs
    convention: str = ""
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    guessed: bool = False
    task: str | None = None


def convention_named(name: str) -> Convention:
    """The convention of that name."""
    return next(c for c in CONVENTIONS if c.name == name)


def reading_of(row: Row, columns: Mapping[str, str], task: str | None = None) -> Reading:
    """How a source is read whose first readable row this is.

    Args:
        columns: what the user or recipe says; nothing is guessed then.
    """
    names = set(row.values) - set(columns.values()) | set(columns)
    order = {"preference": 0, "sft": 1, "prompt": 2}
    fitting = sorted((c for c in CONVENTIONS if names >= set(c.required)), key=lambda c: order[c.kind])
    if fitting and fitting[0].kind != "prompt":
        return Reading(fitting[0].kind, fitting[0].name, columns, task=task)
    if {"response1", "response2"} <= names and names & {"instruction", "prompt", "question"}:
        return Reading("judged", "two responses and annotators' verdicts", task=task)
    guess = {} if columns else _guess(row.values)
    if "completion" in guess:
        renamed = {ours: theirs for ours, theirs in guess.items() if ours != theirs}
        return Reading("sft", "prompt and completion", renamed, guessed=True, task=task)
    if fitting:
        return Reading("prompt", fitting[0].name, columns, task=task)
    if guess:
        return Reading("prompt", "prompts", guess, guessed=True, task=task)
    return Reading("unknown", task=task)


def _guess(values: Mapping[str, Any]) -> dict[str, str]:
    """prompt and completion among columns of other names; a column counts if it holds a text."""
    texts = {name.lower(): name for name, value in values.items() if isinstance(value, str)}
    asked = next((texts[name] for name in _ASKED if name in texts), None)
    answered = next((texts[name] for name in _ANSWERED if name in texts and texts[name] != asked), None)
    if asked is None:
        return {}
    return {"prompt": asked} | ({"completion": answered} if answered else {})
