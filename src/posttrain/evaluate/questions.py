"""The questions of a suite: its rows, checked."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from posttrain.data.files.read import Row as FileRow
from posttrain.data.formats.row_arguments import read_row_arguments
from posttrain.errors import InputError
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.rows import suite_rows
from posttrain.rewards.types import Row

BEHAVIOURS = ("answer", "refuse", "abstain")
"""The values of ``metadata.expected_behavior``."""


@dataclass(frozen=True, slots=True)
class Question:
    """A row of a suite, with the fields of Inspect: ``id, input, target, choices, metadata``.

    Args:
        id: the row's own id, or its number.
        where: the row's place, ``file:line``.
        messages: the conversation that the model answers; empty for a suite without questions.
        row: all columns of the row.
        template_arguments: variables of the chat template: the suite's, overridden by the row's.
    """

    id: str
    where: str
    messages: tuple[Mapping[str, Any], ...]
    row: Row
    template_arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def text(self) -> str:
        """The last message, as a report shows it."""
        return str(self.messages[-1]["content"]) if self.messages else ""

    @property
    def slice(self) -> str | None:
        """The part of the suite that it belongs to."""
        return _text_of(self.row, "slice")

    @property
    def group(self) -> str | None:
        """The group of questions that depend on each other, such as paraphrases: ``metadata.group_id``."""
        return _text_of(self.row, "group_id")

    @property
    def expected(self) -> str | None:
        """What a good model does: answer, refuse or abstain; None if the row does not name it."""
        return _text_of(self.row, "expected_behavior")


def read_questions(
    options: SuiteOptions, base: Path, check: Callable[[Question], object], *, conversation: bool = True
) -> list[Question]:
    """The suite's questions.

    Args:
        check: raises `InputError` for a row that lacks what the suite needs.
        conversation: whether each row needs an ``input``.

    Raises:
        InputError: a row without ``input``, with wrong metadata, with an id twice, or one that `check` refuses.
    """
    rows = (row for source in options.data for row in suite_rows(source, base))
    return questions_of(islice(rows, options.rows), check, options.template_arguments, conversation=conversation)


def questions_of(
    rows: Iterable[FileRow],
    check: Callable[[Question], object],
    arguments: Mapping[str, Any] | None = None,
    *,
    conversation: bool = True,
) -> list[Question]:
    """The questions in rows; see `read_questions`.

    Args:
        arguments: the suite's template arguments.
    """
    questions: list[Question] = []
    places: dict[str, str] = {}
    for number, row in enumerate(rows):
        values = row.values
        messages = _messages(values, row.where) if conversation else ()
        name = str(number if values.get("id") is None else values["id"])
        own = {**(arguments or {}), **read_row_arguments(values, row.where)}
        question = Question(name, row.where, messages, values, own)
        try:
            _check_metadata(values)
            check(question)
        except InputError as error:
            raise InputError(f"{row.where}: {error}") from error
        if name in places:
            raise InputError(f"{row.where}: the id {name!r} is taken by {places[name]}; results are compared by id")
        places[name] = row.where
        questions.append(question)
    return questions


def metadata_of(row: Row) -> Mapping[str, Any]:
    """The row's ``metadata``; empty where it is null or missing.

    Raises:
        InputError: it is no object.
    """
    metadata = row.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise InputError('`metadata` should be an object, such as {"slice": "..."}')
    return metadata or {}


def _messages(row: Row, where: str) -> tuple[Mapping[str, Any], ...]:
    question = row.get("input")
    messages = [{"role": "user", "content": question}] if isinstance(question, str) else question
    if not isinstance(messages, list) or not messages or not all(_is_message(m) for m in messages):
        raise InputError(
            f"{where}: `input` (or `prompt`) should be a question or a list of messages with role and content"
        )
    return tuple(messages)


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and {"role", "content"} <= value.keys() and isinstance(value["content"], str)


def _check_metadata(row: Row) -> None:
    metadata = metadata_of(row)
    for key in ("slice", "group_id"):
        if isinstance(metadata.get(key), dict | list):
            raise InputError(f"`metadata.{key}` should be a text")
    expected = metadata.get("expected_behavior")
    if expected is not None and expected not in BEHAVIOURS:
        raise InputError(f"`metadata.expected_behavior` should be {', '.join(BEHAVIOURS)}, not {str(expected)[:40]!r}")


def _text_of(row: Row, key: str) -> str | None:
    value = metadata_of(row).get(key)
    return None if value is None else str(value)
