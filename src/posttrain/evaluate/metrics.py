"""Metrics: functions of (answer, row) to a number between 0 and 1, looked up by name.

Each takes any text as an answer. What a row must have is checked when a suite is read: `check_row`.
"""

import json
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from posttrain.data.files.strict_json import decode_json, kind_of
from posttrain.errors import InputError
from posttrain.evaluate.options import MetricName
from posttrain.evaluate.refusal import RefusalVerdict, refusal_verdict
from posttrain.rewards.json_text import find_json
from posttrain.rewards.schema import fields_score
from posttrain.rewards.text import contains_words

Metric = Callable[[str, Mapping[str, Any]], float]


def exact(answer: str, row: Mapping[str, Any]) -> float:
    """The target or one of several targets, white space and ways of writing a character aside."""
    return float(_plain(answer) in map(_plain, right_texts(row)))


def json_equal(answer: str, row: Mapping[str, Any]) -> float:
    """JSON with the fields of the target and no others, the order of keys aside."""
    match = find_json(answer)
    return 0.0 if match is None else float(fields_score(expected(row), match[0]) == 1.0)


def json_valid(answer: str, row: Mapping[str, Any]) -> float:
    """JSON as the standard has it: no NaN, no key twice."""
    return float(find_json(answer) is not None)


def contains(answer: str, row: Mapping[str, Any]) -> float:
    """The target or one of several targets occurs in the answer as whole words; white space and case do not count."""
    text = _plain(answer).casefold()
    return float(any(contains_words(_plain(target).casefold(), text) for target in right_texts(row)))


def refused(answer: str, row: Mapping[str, Any]) -> float:
    """The answer refuses in full: by `refusal_verdict`, or by the row's own words for it (``metadata.refusal``)."""
    return float(refusal_verdict(answer, own_words(row)) is RefusalVerdict.FULL_REFUSAL)


METRICS: Mapping[str, Metric] = {f.__name__: f for f in (exact, json_equal, json_valid, contains, refused)}
"""Every metric by name."""


def right_texts(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The row's target as texts, one or several. Numbers, true and false are written as JSON has them.

    Raises:
        InputError: there is none.
    """
    target = row.get("target")
    targets: list[Any] = target if isinstance(target, list) else [target]
    if not targets:
        raise InputError("`target` is an empty list, so no answer would be right")
    for one in targets:
        if one is None or isinstance(one, dict | list):
            raise InputError(
                f"`target` should be a text or a list of texts, and is {kind_of(target)}{_with(one, target)}"
            )
    return tuple(one if isinstance(one, str) else json.dumps(one) for one in targets)


def expected(row: Mapping[str, Any]) -> Any:
    """The row's target as a JSON value, given as it is or as JSON text.

    Raises:
        InputError: there is none, or its text is no JSON.
    """
    target = row.get("target")
    if target is None:
        raise InputError('`target` is null or missing; write "null" in quotation marks if the right answer is null')
    return decode_json(target, "`target`") if isinstance(target, str) else target


def own_words(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The row's own words for a refusal, ``metadata.refusal``; empty where it has none.

    Raises:
        InputError: they are no text or list of texts.
    """
    words = metadata_of(row).get("refusal")
    words = [words] if isinstance(words, str) else [] if words is None else words
    if not isinstance(words, list) or not all(isinstance(word, str) and word.strip() for word in words):
        raise InputError("`metadata.refusal` should be a text or a list of texts, none of them empty")
    return tuple(words)


def metadata_of(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row's ``metadata``; empty where it is null or missing.

    Raises:
        InputError: it is no object.
    """
    metadata = row.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise InputError('`metadata` should be an object, such as {"slice": "..."}')
    return metadata or {}


def check_row(metric: MetricName, row: Mapping[str, Any]) -> None:
    """Whether a row has what a metric needs.

    Raises:
        InputError: it lacks something.
    """
    if metric == "json_equal":
        expected(row)
    elif metric in {"exact", "contains"}:
        texts = right_texts(row)
        if metric == "contains" and not all(text.strip() for text in texts):
            raise InputError("`target` is empty, and every answer contains that")
    elif metric == "refused":
        own_words(row)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _with(one: Any, target: Any) -> str:
    return f" with {kind_of(one)} in it" if isinstance(target, list) else "; `json_equal` compares JSON" * bool(one)
