"""Turns a draft into a recipe: its values, and its text with the reasons as comments."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from posttrain.advise.draft import BuildContext, RecipeDraft, recipe_path
from posttrain.advise.suite import checked_suite


def recipe_values(draft: RecipeDraft, context: BuildContext) -> dict[str, Any]:
    """The recipe's keys and values."""
    name = context.model.name
    model = recipe_path(name, context.folder) if Path(name).is_dir() else name
    return {"model": model, "seed": 0, "stages": draft.stages}


def recipe_text(draft: RecipeDraft, context: BuildContext, head: Sequence[str]) -> str:
    """The recipe as YAML with comments.

    Args:
        head: the lines of the first comment.
    """
    lines = [
        *(f"# {' '.join(line.split())}" for line in head),
        "",
        f"model: {_yaml(recipe_values(draft, context)['model'])}",
        "seed: 0",
        "",
        *_suite_comment(context),
        "stages:",
    ]
    for name, stage in draft.stages.items():
        lines += [f"  # {draft.comments[name]}", *("  " + line for line in _yaml({name: stage}).splitlines())]
    return "\n".join(lines) + "\n"


def _suite_comment(context: BuildContext) -> list[str]:
    """A suite as a comment, if a metric reads the answers. It is a comment because it needs rows outside training."""
    profile = context.profile
    file = next((f for f in profile.files if f.shows and f.check is not None and f.check.fits), None)
    if file is None or file.check is None or file.convention != "prompt and completion":
        return []
    path = recipe_path(profile.against[0], context.folder) if profile.against else "test.jsonl"
    columns = {key: name for key, name in file.columns.items() if key in {"prompt", "completion"}}
    data = {"path": path, "columns": columns} if columns else path
    suite = {
        "data": data,
        **checked_suite(file.check, file.columns.get("completion", "completion")).keys,
        "max_new_tokens": context.answer_tokens([file]),
    }
    text = yaml.safe_dump(suite, sort_keys=False, allow_unicode=True, default_flow_style=True, width=10**6).strip()
    return [
        "# To measure the answers before and after each stage, use rows outside the training data:",
        "# suites:",
        f"#   answers: {text}",
        "",
    ]


def _yaml(value: Any) -> str:
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
    return text.removesuffix("...\n").rstrip()
