"""How a file's rows are read: by the recipe's columns, by the trainer's conventions, or by guessed columns."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from posttrain.data.files.read import Row
from posttrain.data.formats.conventions import CONVENTIONS, Convention, Kind, convention_of
from posttrain.errors import InputError

ReadAs = Literal["sft", "preference", "prompt", "judged", "unknown"]

_PROMPT_NAMES = (
    *("prompt", "question", "query", "instruction", "dialogue", "problem", "body", "document", "article"),
    *("transcript", "conversation", "utterance", "review", "sentence", "note"),
)
"""Other names of a prompt's column, the surest first."""

_ANSWER_NAMES = (
    *("completion", "answer", "response", "output", "long_answer", "target", "summary", "section_text"),
    *("canonical_solution", "solution", "code", "reply", "translation", "record"),
    *("label", "sentiment", "intent", "class"),
)
"""Other names of an answer's column, the surest first."""

_CONVERSATIONS = frozenset({"dialogue", "transcript", "conversation"})
"""Columns beside which a note is the answer; elsewhere it may be a remark."""

_CHECKED_BY = frozenset({"test", "tests", "test_list", "input_output", "label", "sentiment", "intent", "class"})
"""Columns that hold what an answer is checked by: tests of code, or a label, perhaps as a number."""

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")


@dataclass(frozen=True, slots=True)
class Reading:
    """How a source's rows are read.

    Args:
        kind: the use of the rows; "judged": two responses and annotators' verdicts; "unknown": no convention
            fits, only checks that need none run.
        convention: its name.
        columns: standard name → the file's name; of an unknown kind, what the user may have meant.
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
    guess = {} if columns else _guess(row.values)
    if "completion" in guess or guess.get("prompt") == "text":  # a text with a label or tests beside it
        fitting = [c for c in fitting if c.name != "text"]
    if fitting and fitting[0].kind != "prompt":
        return Reading(fitting[0].kind, fitting[0].name, columns, task=task)
    if {"response1", "response2"} <= names and names & {"instruction", "prompt", "question"}:
        return Reading("judged", "two responses and annotators' verdicts", task=task)
    if "completion" in guess:
        renamed = {ours: theirs for ours, theirs in guess.items() if ours != theirs}
        return Reading("sft", "prompt and completion", renamed, guessed=True, task=task)
    if fitting:
        return Reading("prompt", fitting[0].name, columns, task=task)
    if guess:
        return Reading("prompt", "prompts", guess, guessed=True, task=task)
    return Reading("unknown", columns=_meant(row.values), task=task)


def trainer_reading(row: Row, kinds: Sequence[Kind], columns: Mapping[str, str], task: str | None = None) -> Reading:
    """The reading of a source by the trainer, which guesses no columns; `reading_of` where no convention fits.

    Args:
        row: the first readable row of the source.
        kinds: of rows that the trainer may read; the first whose convention fits counts.
        columns: those that the recipe renames.
    """
    for kind in kinds:
        try:
            return Reading(kind, convention_of(row, kind, columns), columns, task=task)
        except InputError:
            continue
    return reading_of(row, columns, task)


def _guess(values: Mapping[str, Any]) -> dict[str, str]:
    """prompt and completion among columns of other names; a column counts if it holds a text.

    A column `text` is a prompt only beside labels or the tests of code. Alone it is a text to go on with.
    """
    texts = {name.lower(): name for name, value in values.items() if isinstance(value, str)}
    prompt = next((texts[name] for name in _PROMPT_NAMES if name in texts), None)
    completion = next((texts[name] for name in _ANSWER_NAMES if name in texts and texts[name] != prompt), None)
    if completion is None and prompt is not None and prompt.lower() in _CONVERSATIONS:
        completion = texts.get("note")
    checked = {name.lower() for name, value in values.items() if value is not None and not isinstance(value, bool)}
    if prompt is None and "text" in texts and (completion is not None or _CHECKED_BY & checked):
        prompt = texts["text"]
    if prompt is None:
        return {}
    return {"prompt": prompt} | ({"completion": completion} if completion else {})


def _meant(values: Mapping[str, Any]) -> dict[str, str]:
    """prompt and completion as the words of the columns' names suggest them, else the only two columns of text.

    This is less sure than `_guess`: the user sees it as a suggestion, and nothing is read by it.
    """
    texts = [name for name, value in values.items() if isinstance(value, str) and any(c.isalpha() for c in value)]
    prompt = next((name for known in _PROMPT_NAMES for name in texts if known in _words(name)), None)
    others = [name for name in texts if name != prompt]
    completion = next((name for known in _ANSWER_NAMES for name in others if known in _words(name)), None)
    if len(texts) == 2:
        prompt = prompt or next(name for name in texts if name != completion)
        completion = next(name for name in texts if name != prompt)
    return {} if prompt is None or completion is None else {"prompt": prompt, "completion": completion}


def _words(name: str) -> set[str]:
    return {word.lower() for word in _WORDS.findall(name)}


def columns_option(columns: Mapping[str, str]) -> str:
    """The columns as the command line takes them; empty if there are none."""
    value = ",".join(f"{ours}={theirs}" for ours, theirs in columns.items())
    return f"--columns {shlex.quote(value)}" if value else ""


def parse_columns(text: str) -> Mapping[str, str]:
    """The mapping of ``prompt=question,completion=answer``.

    Raises:
        InputError: the text has another form.
    """
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    for name, sign, value in pairs:
        if not sign or not name.strip() or not value.strip():
            raise InputError(f"--columns: {text} is not of the form prompt=question,completion=answer")
    return {name.strip(): value.strip() for name, _, value in pairs}
