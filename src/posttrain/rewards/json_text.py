"""Find the JSON value of a completion: all of its text, or a part of it."""

import re
from typing import Any

from posttrain.data.files.strict_json import BadJson, decode_json_at, skip_space
from posttrain.rewards.fences import read_blocks

STARTS = 100
"""Number of brackets tried as the start of a value. Without a limit, a text of brackets takes quadratic time."""

LANGUAGES = frozenset({"json", "json5", "jsonc"})
"""Languages of fenced blocks that hold JSON. A block in a dialect counts only if its text is also standard JSON."""


def find_json(completion: str, *, extract: bool = False) -> tuple[Any] | None:
    """The JSON value of a completion, in a tuple since the value may be null; None where there is no value.

    With `extract` the value is all of the text if that is JSON; else the last block that is labelled as JSON, or that
    has no label and holds an object or list; else the last other block that holds JSON; else the longest object or
    list in the text. A block labelled as JSON counts even if it is broken: an earlier block does not replace it.
    """
    whole = _whole(completion)
    if whole is not None or not extract:
        return whole
    blocks = read_blocks(completion)
    for language, text in reversed(blocks):
        if language in LANGUAGES:
            return _whole(text)
        if not language and (value := _whole(text)) is not None and isinstance(value[0], dict | list):
            return value
    values = (_whole(text) for _, text in reversed(blocks))
    return next((value for value in values if value is not None), None) or _longest(completion)


def _whole(text: str) -> tuple[Any] | None:
    try:
        value, end = decode_json_at(text, 0)
    except BadJson:
        return None
    return (value,) if skip_space(text, end) == len(text) else None


def _longest(text: str) -> tuple[Any] | None:
    longest: tuple[int, tuple[Any]] | None = None
    at = 0
    for _ in range(STARTS):
        start = _OPENING.search(text, at)
        if start is None:
            break
        at = start.start() + 1
        try:
            value, end = decode_json_at(text, start.start())
        except BadJson:
            continue
        at = end
        if longest is None or end - start.start() >= longest[0]:
            longest = (end - start.start(), (value,))
    return None if longest is None else longest[1]


_OPENING = re.compile(r"[{\[]")
