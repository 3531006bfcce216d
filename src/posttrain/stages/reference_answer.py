"""A row's own answer, by which a reward can be tried before anything is trained on it."""

import json
from collections.abc import Mapping
from typing import Any

from posttrain.rewards.registry import RewardSpec

_ANSWERS = ("completion", "answer", "output", "response", "reference", "reference_answer", "target", "solution")
_PROGRAMS = ("canonical_solution", "solution", "solutions", "reference_solution", "reference", "code", "completion")
"""Usual names of the column, the likeliest first."""

_COLUMNS = ("tests", "entry_point", "prompt", "setup", "column", "facts_column", "forbidden_column")
"""Keys of rewards that name a column which is no answer."""


def reference_of(spec: RewardSpec, row: Mapping[str, Any]) -> str | None:
    """The row's own answer: the column that the reward compares with, or else one of a usual name; None without one."""
    target, is_json = getattr(spec, "target", None), spec.kind.startswith("json")
    if isinstance(target, str):
        return _text(row.get(target), is_json)
    taken = {getattr(spec, key, None) for key in _COLUMNS}
    names = (*_PROGRAMS, *_ANSWERS) if spec.kind == "code" else (*_ANSWERS, *_PROGRAMS)
    values = (row.get(name) for name in names if name not in taken)
    found = (_text(value if is_json else _one_of(value), is_json) for value in values)
    return next((text for text in found if text is not None), None)


def _text(value: Any, is_json: bool) -> str | None:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False) if is_json else None
    return None if value is None else str(value)


def _one_of(value: Any) -> Any:
    """Of a list of solutions the first (APPS has them as JSON text), of a list of messages the last one's content."""
    if isinstance(value, str) and value.lstrip().startswith('["'):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    if not isinstance(value, list) or not value:
        return value
    last = value[-1]
    return last.get("content") if isinstance(last, dict) else value[0]
