"""The reading of a file's rows: by the recipe's columns, by the trainer's conventions, or by guessed columns."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from posttrain.data.files.read import Row
from posttrain.data.formats.conventions import CONVENTIONS, Convention, Kind
from posttrain.data.formats.detect import convention_of
from posttrain.errors import InputError

ReadAs = Literal["sft", "preference", "unpaired", "prompt", "judged", "unknown"]

_PROMPT_NAMES = (
    *("prompt", "question", "query", "instruction", "dialogue", "problem", "body", "document", "article"),
    *("transcript", "conversation", "utterance", "review", "sentence", "note"),
)
"""Names that the column of prompts may have, the most certain first."""

_ANSWER_NAMES = (
    *("completion", "answer", "response", "output", "long_answer", "target", "summary", "section_text"),
    *("canonical_solution", "solution", "code", "reply", "translation", "record"),
    *("label", "sentiment", "intent", "class"),
)
"""Names that the column of answers may have, the most certain first."""

_CONVERSATIONS = frozenset({"dialogue", "transcript", "conversation"})
"""If a prompt is in one of these columns, a column `note` is the answer; otherwise it may be a remark."""

_CHECKED_BY = frozenset({"test", "tests", "test_list", "input_output", "label", "sentiment", "intent", "class"})
"""Columns with values that an answer is checked against: tests of code, or a label, perhaps as a number."""

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")


@dataclass(frozen=True, slots=True)
class Reading:
    """How a source's rows are read.

    Args:
        kind: the kind of the rows; "judged" is two responses with annotators' verdicts; "unknown" means that no
            convention fits, so that only the checks that need none are run.
        convention: the name of the convention.
        columns: standard name → the file's name; a suggestion for the user if the kind is "unknown".
        guessed: whether the columns are guessed; a finding then shows them to the user.
        task: the task of rows without a task column.
    """

    kind: ReadAs
    convention: str = ""
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    guessed: bool = False
    task: str | None = None


def convention_named(name: str) -> Convention:
    """The convention with the given name."""
    return next(c for c in CONVENTIONS if c.name == name)


def reading_of(row: Row, columns: Mapping[str, str], task: str | None = None) -> Reading:
    """The reading of a source, given its first readable row.

    Args:
        columns: the columns that the user or recipe names; if there are any, none is guessed.
    """
    names = set(row.values) - set(columns.values()) | set(columns)
    order = {"preference": 0, "unpaired": 1, "sft": 2, "prompt": 3}
    fitting = sorted((c for c in CONVENTIONS if names >= set(c.required)), key=lambda c: order[c.kind])
    if not isinstance(row.values.get(columns.get("label", "label")), bool):  # another label may be a class
        fitting = [c for c in fitting if c.kind != "unpaired"]
    guess = {} if columns else _guess(row.values)
    if "completion" in guess or guess.get("prompt") == "text":  # the row also has a label or tests
        fitting = [c for c in fitting if c.name != "text"]
    if fitting and fitting[0].kind != "prompt":
        return Reading(fitting[0].kind, fitting[0].name, columns, task=task)
    if {"response1", "response2"} <= names and names & {"instruction", "prompt", "question"}:
        return Reading("judged", "two responses and annotators' verdicts", task=task)
    if "completion" in guess:
        renamed = {standard: name for standard, name in guess.items() if standard != name}
        return Reading("sft", "prompt and completion", renamed, guessed=True, task=task)
    if fitting:
        return Reading("prompt", fitting[0].name, columns, task=task)
    if guess:
        return Reading("prompt", "prompts", guess, guessed=True, task=task)
    return Reading("unknown", columns=_meant(row.values), task=task)


def trainer_reading(row: Row, kinds: Sequence[Kind], columns: Mapping[str, str], task: str | None = None) -> Reading:
    """The reading of a source as the trainer reads it, without guesses; `reading_of` if no convention fits.

    Args:
        row: the first readable row of the source.
        kinds: the kinds of rows that the trainer may read; the first kind with a fitting convention is used.
        columns: the columns that the recipe renames.
    """
    for kind in kinds:
        try:
            return Reading(kind, convention_of(row, kind, columns), columns, task=task)
        except InputError:
            continue
    return reading_of(row, columns, task)


def guessed_columns(row: Row) -> Mapping[str, str]:
    """The columns that the names suggest for prompt and completion, or for the prompt alone; empty if none is clear."""
    certain = _guess(row.values)
    return certain if "completion" in certain else _meant(row.values) or certain


def _guess(values: Mapping[str, Any]) -> dict[str, str]:
    """Guess the columns of prompt and completion among columns that hold a text.

    A column `text` is a prompt only if the row also has a label or tests of code. Alone it is a text to continue.
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
    """The columns of prompt and completion that words in the names suggest, else the only two columns of text.

    This is less certain than `_guess`: it is only shown to the user as a suggestion.
    """
    texts = [name for name, value in values.items() if isinstance(value, str) and any(c.isalpha() for c in value)]
    prompt = next((name for known in _PROMPT_NAMES for name in texts if known in _words(name)), None)
    remaining = [name for name in texts if name != prompt]
    completion = next((name for known in _ANSWER_NAMES for name in remaining if known in _words(name)), None)
    if len(texts) == 2:
        prompt = prompt or next(name for name in texts if name != completion)
        completion = next(name for name in texts if name != prompt)
    return {} if prompt is None or completion is None else {"prompt": prompt, "completion": completion}


def _words(name: str) -> set[str]:
    return {word.lower() for word in _WORDS.findall(name)}


def columns_option(columns: Mapping[str, str]) -> str:
    """The option that names the columns on the command line; empty if there are none."""
    value = ",".join(f"{standard}={name}" for standard, name in columns.items())
    return f"--columns {shlex.quote(value)}" if value else ""


def parse_columns(text: str) -> Mapping[str, str]:
    """Parse ``prompt=question,completion=answer``: standard name → the file's name.

    Raises:
        InputError: the text has another form.
    """
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    for name, sign, value in pairs:
        if not sign or not name.strip() or not value.strip():
            raise InputError(f"--columns: {text} is not of the form prompt=question,completion=answer")
    return {name.strip(): value.strip() for name, _, value in pairs}
