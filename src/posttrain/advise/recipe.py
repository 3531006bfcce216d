"""The draft as a recipe: what it says, and its text with the reasons as comments."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from posttrain.advise.draft import Draft, Plan
from posttrain.advise.profile import path_from


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
        "stages:",
    ]
    for name, stage in draft.stages.items():
        lines += [f"  # {draft.why[name]}", *("  " + line for line in _yaml({name: stage}).splitlines())]
    return "\n".join(lines) + "\n"


def _yaml(value: Any) -> str:
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
    return text.removesuffix("...\n").rstrip()
