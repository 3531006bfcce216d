"""Drafts the stages of a stack: the audit first, then the stages of each technique with data and columns filled in."""

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

from posttrain.advise.draft import BuildContext, RecipeDraft, recipe_path
from posttrain.advise.preference_stages import add_dpo, add_kto, add_rlhf
from posttrain.advise.rules import THRESHOLDS, TechniqueName
from posttrain.advise.stage_values import held_out_share, learning_rate, policy_keys
from posttrain.policy.options import PolicyOptions

_SFT_COLUMNS = ("prompt", "completion", "system", "task", "phrasing")

AddStages = Callable[[BuildContext, RecipeDraft, Mapping[str, Any]], None]
"""Appends the stages of a technique to a draft, given the recipe keys of `PolicyOptions`."""


def draft_recipe(stack: Sequence[TechniqueName], context: BuildContext, policy: PolicyOptions) -> RecipeDraft:
    """Draft the stages of a stack.

    Args:
        policy: whether all weights or adapters are trained.
    """
    draft = RecipeDraft()
    _add_audit(context, draft)
    for name in stack:
        _ADD_STAGES[name](context, draft, policy_keys(policy))
    for stage in draft.stages.values():
        if context.model.plain and stage["kind"] != "rank":
            stage["template"] = "plain"
    return draft


def _add_audit(context: BuildContext, draft: RecipeDraft) -> None:
    files = [file for file in context.profile.files if file.kind not in {"unknown", "text"}]
    draft.add(
        "check",
        "stops the run if rows cannot be read, hold secrets, or also occur in the evaluation data",
        None,
        kind="audit",
        data=[context.source(file, file.columns) for file in files],
        against=[recipe_path(path, context.folder) for path in context.profile.against] or None,
    )


def _add_sft(context: BuildContext, draft: RecipeDraft, policy: Mapping[str, Any]) -> None:
    """An SFT stage; without demonstrations it imitates the preferred answers of pairs."""
    files = [file for file in context.profile.files if file.shows]
    data = [context.source(file, file.columns) for file in files]
    if not files:
        files = context.profile.pair_files
        for file in files:
            columns = {**file.columns, "completion": file.columns.get("chosen", "chosen")}
            data.append(context.source(file, {key: name for key, name in columns.items() if key in _SFT_COLUMNS}))
    rows = sum(file.usable for file in files)
    draft.add(
        "sft",
        "imitates the right answers",
        context.load(files),
        kind="sft",
        data=data,
        validation=held_out_share(rows),
        epochs=5 if rows < THRESHOLDS.few_rows else 3 if rows < 1000 else 2,
        batch_size=4 if rows < THRESHOLDS.few_rows else 16,
        learning_rate=learning_rate(2e-5, policy),
        patience=3 if rows < 1000 else None,
        **policy,
    )
    draft.last = "sft"


def _add_ift(context: BuildContext, draft: RecipeDraft, policy: Mapping[str, Any]) -> None:
    files = [file for file in context.profile.files if file.shows]
    several = len(files) > 1
    names = [name for file in files for name in file.names]
    rows = sum(file.usable for file in files)
    data: list[Any] = []
    for file in files:
        task = Path(file.path).name.split(".")[0] if several and not file.names else None
        data.append(context.source(file, file.columns, task=task))
    draft.add(
        "ift",
        "learns many kinds of task; small tasks are drawn more often than their share of the rows",
        context.load(files),
        kind="ift",
        data=data,
        temperature=2 if len(names) > 1 or several else None,
        hold_out={"tasks": [names[-1]]} if len(names) >= 5 else None,
        validation=held_out_share(rows),
        epochs=2,
        batch_size=16,
        learning_rate=learning_rate(2e-5, policy),
        **policy,
    )
    draft.last = "ift"


def _add_grpo(context: BuildContext, draft: RecipeDraft, policy: Mapping[str, Any]) -> None:
    files = [f for f in context.profile.files if f.prompts is not None and f.check is not None and f.check.fits]
    first = files[0].check
    assert first is not None  # the rules advise GRPO only if a reward reads the answers
    files = [file for file in files if file.check is not None and file.check.spec == first.spec]
    load = context.load(files)
    draft.add(
        "grpo",
        "answers each prompt several times; a reward checks each answer and compares it with the others",
        load,
        kind="grpo",
        model=draft.last or None,
        data=[context.source(file, file.prompts or {}) for file in files],
        validation=held_out_share(load.rows),
        rewards={"right": dict(first.spec)},
        num_generations=8,
        max_new_tokens=context.answer_tokens(files),
        epochs=min(10, ceil(800 / max(load.rows, 1))),
        batch_size=8,
        learning_rate=learning_rate(1e-6, policy),
        alarms={"max_kl": 60},
        **policy,
    )
    draft.last = "grpo"


_ADD_STAGES: Mapping[TechniqueName, AddStages] = {
    "SFT": _add_sft,
    "IFT": _add_ift,
    "DPO": add_dpo,
    "KTO": add_kto,
    "RLHF": add_rlhf,
    "GRPO": _add_grpo,
}
