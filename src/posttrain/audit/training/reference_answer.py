"""The reference answer of a row, on which a reward can be tried before training."""

import json
from collections.abc import Mapping
from typing import Any

from posttrain.rewards.registry import REWARD_KINDS, RewardSpec

_ANSWERS = ("completion", "answer", "output", "response", "reference", "reference_answer", "target", "solution")
_PROGRAMS = ("canonical_solution", "solution", "solutions", "reference_solution", "reference", "code", "completion")
"""Usual names of the column with the answer, the most likely first."""

_COLUMNS = ("tests", "entry_point", "prompt", "setup", "column", "facts_column", "forbidden_column")
"""Keys of rewards whose value is the name of a column that holds no answer."""


def reference_of(spec: RewardSpec, row: Mapping[str, Any]) -> str | None:
    """The reference answer: the column that the reward compares with, else a column with a usual name; else None."""
    form = REWARD_KINDS[spec.kind].answer_form
    target, is_json = getattr(spec, "target", None), form == "json"
    if isinstance(target, str):
        return _text(row.get(target), is_json)
    taken = {getattr(spec, key, None) for key in _COLUMNS}
    names = (*_PROGRAMS, *_ANSWERS) if form == "program" else (*_ANSWERS, *_PROGRAMS)
    values = (row.get(name) for name in names if name not in taken)
    texts = (_text(value if is_json else _single_answer(value), is_json) for value in values)
    return next((text for text in texts if text is not None), None)


def _text(value: Any, is_json: bool) -> str | None:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False) if is_json else None
    return None if value is None else str(value)


def _single_answer(value: Any) -> Any:
    """The first of a list of solutions (APPS holds them as JSON text); the last content of a list of messages."""
    if isinstance(value, str) and value.lstrip().startswith('["'):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    if not isinstance(value, list) or not value:
        return value
    last = value[-1]
    return last.get("content") if isinstance(last, dict) else value[0]
