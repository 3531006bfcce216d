"""The draft as a recipe: what it says, and its text with the reasons as comments."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from posttrain.advise.draft import Draft, Plan
from posttrain.advise.profile import path_from

_METRICS = {"json_fields": "json_equal", "match": "exact"}
"""The reward that reads a file's answers → the metric that measures them."""


def recipe_of(draft: Draft, plan: Plan) -> dict[str, Any]:
    """What the recipe says."""
    name = plan.model.name
    model = path_from(name, plan.folder) if Path(name).is_dir() else name
    return {"model": model, "seed": 0, "stages": draft.stages}


def text_of(draft: Draft, plan: Plan, head: Sequence[str]) -> str:
    """The recipe with its comments."""
    said = recipe_of(draft, plan)
    lines = [
        *(f"# {' '.join(line.split())}" for line in head),
        "",
        f"model: {_yaml(said['model'])}",
        "seed: 0",
        "",
        *_suite(plan),
        "stages:",
    ]
    for name, stage in draft.stages.items():
        lines += [f"  # {draft.why[name]}", *("  " + line for line in _yaml({name: stage}).splitlines())]
    return "\n".join(lines) + "\n"


def _suite(plan: Plan) -> list[str]:
    """A suite as a comment, where a metric reads the answers: it wants rows that are not trained on."""
    file = next(
        (f for f in plan.seen.files if f.shows and f.check is not None and f.check.spec["kind"] in _METRICS), None
    )
    if file is None or file.check is None or file.convention != "prompt and completion":
        return []
    path = path_from(plan.seen.against[0], plan.folder) if plan.seen.against else "test.jsonl"
    columns = {key: name for key, name in file.columns.items() if key in {"prompt", "completion"}}
    data = {"path": path, "columns": columns} if columns else path
    suite = {"data": data, "metric": _METRICS[file.check.spec["kind"]], "max_new_tokens": plan.answer_tokens([file])}
    text = yaml.safe_dump(suite, sort_keys=False, allow_unicode=True, default_flow_style=True, width=10**6).strip()
    return [
        "# Measure the answers before and after each stage, on rows that are not trained on:",
        "# suites:",
        f"#   answers: {text}",
        "",
    ]


def _yaml(value: Any) -> str:
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
    return text.removesuffix("...\n").rstrip()
