"""The JSON value of a completion: all of its text, or what stands in a fenced block or between other words."""

import re
from typing import Any

from posttrain.data.files.strict_json import BadJson, decode_json_at, skip_space
from posttrain.rewards.fences import read_blocks

STARTS = 100
"""Brackets tried as the start of a value; a text of nothing but brackets would take the square of its length."""

LANGUAGES = frozenset({"json", "json5", "jsonc"})
"""Of a fenced block that holds one JSON value; a dialect counts only as far as it is JSON."""


def read(completion: str, *, extract: bool = False) -> tuple[Any] | None:
    """The JSON value of a completion, in a tuple of its own since it may be null; None where there is none.

    With `extract` it is all of the text if that is JSON; else the last block that is labelled as JSON, or has no
    label and holds an object or list; else the last other block that holds JSON; else the longest object or list
    that stands in the text. A broken block that is labelled as JSON is the answer all the same: an earlier draft does
    not take its place.
    """
    found = _whole(completion)
    if found is not None or not extract:
        return found
    blocks = read_blocks(completion)
    for language, text in reversed(blocks):
        if language in LANGUAGES:
            return _whole(text)
        if not language and (found := _whole(text)) is not None and isinstance(found[0], dict | list):
            return found
    others = (_whole(text) for _, text in reversed(blocks))
    return next((value for value in others if value is not None), None) or _longest(completion)


def _whole(text: str) -> tuple[Any] | None:
    try:
        value, end = decode_json_at(text, 0)
    except BadJson:
        return None
    return (value,) if skip_space(text, end) == len(text) else None


def _longest(text: str) -> tuple[Any] | None:
    found: tuple[int, tuple[Any]] | None = None
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
        if found is None or end - start.start() >= found[0]:
            found = (end - start.start(), (value,))
    return None if found is None else found[1]


_OPENING = re.compile(r"[{\[]")
