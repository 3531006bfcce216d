"""A row's own answer, by which a reward can be tried before anything is trained on it."""

import json
from collections.abc import Mapping
from typing import Any

from posttrain.rewards.kinds import RewardSpec

_ANSWERS = ("completion", "answer", "output", "response", "reference", "reference_answer", "target", "solution")
_PROGRAMS = ("canonical_solution", "solution", "solutions", "reference_solution", "reference", "code", "completion")
"""Usual names of the column, the likeliest first."""

_COLUMNS = ("tests", "entry_point", "prompt", "setup", "column", "facts_column", "forbidden_column")
"""Keys of rewards that name a column which is no answer."""


def reference_of(spec: RewardSpec, row: Mapping[str, Any]) -> str | None:
    """The row's own answer: the column that the reward compares with, or else one of a usual name; None without one."""
    target = getattr(spec, "target", None)
    if isinstance(target, str):
        return _text(row.get(target), as_json=spec.kind == "json_fields")
    taken = {getattr(spec, key, None) for key in _COLUMNS}
    names = (*_PROGRAMS, *_ANSWERS) if spec.kind == "code" else (*_ANSWERS, *_PROGRAMS)
    found = (_text(row.get(name), as_json=spec.kind.startswith("json")) for name in names if name not in taken)
    return next((text for text in found if text is not None), None)


def _text(value: Any, *, as_json: bool) -> str | None:
    """An answer as text: of a list of solutions the first, of a list of messages the last one's content."""
    if isinstance(value, dict | list) and as_json:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.lstrip().startswith('["'):  # as APPS has its solutions
        try:
            value = json.loads(value)
        except ValueError:
            return str(value)
    if isinstance(value, list) and value:
        last = value[-1]
        value = last.get("content") if isinstance(last, dict) else value[0]
    return None if value is None or isinstance(value, dict | list) else str(value)
