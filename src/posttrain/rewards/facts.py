"""Statements that a text makes or does not make: facts and claims, as wordings or regular expressions.

Words are compared, not meanings: "not 12 mg" contains the fact "12 mg".
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from posttrain.errors import InputError
from posttrain.options import Options
from posttrain.rewards.match import contains_words, normalise_text
from posttrain.rewards.text import Pattern, regex_score


class PatternWording(Options):
    """A regular expression for several wordings."""

    regex: Pattern = Field(min_length=1, description="for Python's `regex` package; case counts")


def _as_wordings(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


Wording = Annotated[str, Field(min_length=1)]
Statement = Annotated[tuple[Wording | PatternWording, ...], Field(min_length=1), BeforeValidator(_as_wordings)]
"""A fact or claim, as the list of its wordings."""

_STATEMENTS = TypeAdapter[tuple[Statement, ...]](tuple[Statement, ...])


def read_statements(value: Any, name: str) -> tuple[Statement, ...]:
    """The statements of a row's column: a text, or a list of statements; none where it is null.

    Args:
        name: of the column, for messages.

    Raises:
        InputError: a statement is no text, list of wordings or ``{"regex": ...}``, or is empty.
    """
    if value is None:
        return ()
    if not isinstance(value, str | list | tuple):
        raise InputError(f"`{name}` should be a text or a list of texts")
    try:
        statements = _STATEMENTS.validate_python([value] if isinstance(value, str) else value)
    except ValidationError as error:
        problem = next((one["msg"] for one in error.errors() if "regular expression" in one["msg"]), None)
        raise InputError(
            f"`{name}` should be a list of texts, none of them empty (a statement may also be a list of wordings or "
            f'{{"regex": "..."}})' + (f": {problem}" if problem else "")
        ) from error
    if not all(isinstance(w, PatternWording) or normalise_text(w) for wordings in statements for w in wordings):
        raise InputError(f"`{name}` should be a list of texts, none of them empty")
    return statements


def count_stated(completion: str, statements: Sequence[Iterable[str | PatternWording]]) -> int:
    """The number of statements that the completion makes, each in one of its wordings.

    A wording counts as whole words: "12 mg" does not contain "2 mg".

    Raises:
        TimeoutError: the search for a pattern took too long.
    """
    text = normalise_text(completion)

    def says_it(wording: str | PatternWording) -> bool:
        if isinstance(wording, PatternWording):
            return bool(regex_score(completion, wording.regex))
        return contains_words(normalise_text(wording), text)

    return sum(any(says_it(wording) for wording in wordings) for wordings in statements)
