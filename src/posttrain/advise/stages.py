"""Each technique's stages, data and columns filled in."""

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

from posttrain.advise.draft import Draft, Plan
from posttrain.advise.facts import chosen_in
from posttrain.advise.profile import File, path_from
from posttrain.advise.rules import THRESHOLDS, Name
from posttrain.policy.options import PolicyOptions
from posttrain.stages.cost import Load


def draft_of(stack: Sequence[Name], plan: Plan, how: PolicyOptions) -> Draft:
    """The stages of a stack."""
    draft = Draft()
    _check(plan, draft)
    builders = {"SFT": _sft, "IFT": _ift, "DPO": _dpo, "RLHF": _rlhf, "GRPO": _grpo}
    for name in stack:
        builders[name](plan, draft, _place(how))
    for stage in draft.stages.values():
        if plan.model.plain and stage["kind"] != "rank":
            stage["template"] = "plain"
    return draft


def _place(how: PolicyOptions) -> dict[str, Any]:
    """The keys by which a training stage says how it trains."""
    lora = None if how.lora is None else {"rank": how.lora.rank, "alpha": how.lora.alpha}
    return {
        "lora": lora,
        "quantization": how.quantization,
        "gradient_checkpointing": True if how.gradient_checkpointing is True else None,
    }


def _rate(full: float, place: Mapping[str, Any]) -> float:
    return float(f"{10 * full:g}") if place["lora"] else full


def _held(rows: int) -> float:
    """Share of the prompts held out."""
    return 0.2 if rows < THRESHOLDS.few_rows else 0.1 if rows < 1000 else 0.05


def _check(plan: Plan, draft: Draft) -> None:
    files = [file for file in plan.seen.files if file.kind not in {"unknown", "text"}]
    draft.add(
        "check",
        "stops the run if rows cannot be read, hold secrets, or stand in the evaluation data",
        None,
        kind="audit",
        data=[plan.source(file, file.columns) for file in files],
        against=[path_from(path, plan.folder) for path in plan.seen.against] or None,
    )


def _sft(plan: Plan, draft: Draft, place: Mapping[str, Any]) -> None:
    files = [file for file in plan.seen.files if file.shows]
    data = [plan.source(file, file.columns) for file in files]
    if not files:
        files = chosen_in(plan.seen)
        data = [
            plan.source(file, {**file.columns, "completion": file.columns.get("chosen", "chosen")}) for file in files
        ]
        data = [{**one, "columns": {k: v for k, v in one["columns"].items() if k in _SFT_COLUMNS}} for one in data]
    rows = sum(file.usable for file in files)
    draft.add(
        "sft",
        "imitates the right answers",
        plan.load(files),
        kind="sft",
        data=data,
        validation=_held(rows),
        epochs=5 if rows < THRESHOLDS.few_rows else 3 if rows < 1000 else 2,
        batch_size=4 if rows < THRESHOLDS.few_rows else 16,
        learning_rate=_rate(2e-5, place),
        patience=3 if rows < 1000 else None,
        **place,
    )
    draft.last = "sft"


_SFT_COLUMNS = ("prompt", "completion", "system", "task", "phrasing")


def _ift(plan: Plan, draft: Draft, place: Mapping[str, Any]) -> None:
    files = [file for file in plan.seen.files if file.shows]
    several = len(files) > 1
    names = [name for file in files for name in file.names]
    rows = sum(file.usable for file in files)
    draft.add(
        "ift",
        "many kinds of task, the small ones drawn more often than their size alone would have it",
        plan.load(files),
        kind="ift",
        data=[
            plan.source(
                file, file.columns, task=Path(file.path).name.split(".")[0] if several and not file.names else None
            )
            for file in files
        ],
        temperature=2 if len(names) > 1 or several else None,
        hold_out={"tasks": [names[-1]]} if len(names) >= 5 else None,
        validation=_held(rows),
        epochs=2,
        batch_size=16,
        learning_rate=_rate(2e-5, place),
        **place,
    )
    draft.last = "ift"


def _ranked(plan: Plan, draft: Draft) -> tuple[list[Any], Load]:
    """Pairs to train on: those that are there, or what people say of candidates."""
    pairs = plan.seen.of("preference")
    judged = plan.seen.of("judged")
    if plan.case.pairs_fit and pairs:
        return [plan.source(file, file.columns) for file in pairs], plan.load(pairs)
    if plan.case.pairs_fit and judged:
        draft.add(
            "rank",
            "takes over what people said, and makes pairs of it",
            None,
            kind="rank",
            data=[plan.source(file, {}) for file in judged],
            project="judged",
            least=0.5,
        )
        return ["rank"], plan.load(judged)
    if "rank" not in draft.stages:
        files, data = _prompts(plan)
        load = plan.load(files, THRESHOLDS.ranked)
        people = plan.answers.people or 1
        draft.add(
            "candidates",
            "several answers to each prompt",
            load,
            kind="candidates",
            model=draft.last or None,
            data=data,
            k=4,
            max_new_tokens=plan.answer_tokens(files),
        )
        settings = {"overlap": min(2, people)} | ({"most": 3} if people > 2 else {})
        draft.add(
            "rank",
            "people rank them in their browser: the run waits here, and goes on when called again",
            load,
            kind="rank",
            data="candidates",
            project="ranking",
            settings=settings,
            least=0.5,
        )
    load = draft.loads["rank"]
    both = float(draft.stages["candidates"]["max_new_tokens"])  # two answers, each half as long as it may be
    return ["rank"], Load(load.rows * 6, load.prompt, both)


def _prompts(plan: Plan) -> tuple[list[File], list[Any]]:
    """Files that are read as prompts: those of prompts alone, else whatever else holds some."""
    usable = [file for file in plan.seen.files if file.prompts is not None]
    files = [file for file in usable if file.kind == "prompt"] or usable
    many = sum(file.usable for file in files) > THRESHOLDS.ranked
    each = ceil(THRESHOLDS.ranked / len(files)) if many else None
    return files, [plan.source(file, file.prompts or {}, rows=each) for file in files]


def _dpo(plan: Plan, draft: Draft, place: Mapping[str, Any]) -> None:
    data, load = _ranked(plan, draft)
    draft.add(
        "dpo",
        "the preferred answer of each pair becomes likelier, held near the model before",
        load,
        kind="dpo",
        model=draft.last or None,
        data=data,
        validation=_held(load.rows),
        truncation="left",
        beta=0.1,
        length_normalized=True if "length_biased" in plan.case.facts else None,
        epochs=1,
        batch_size=16,
        learning_rate=_rate(1e-6, place),
        **place,
    )
    draft.last = "dpo"


def _rlhf(plan: Plan, draft: Draft, place: Mapping[str, Any]) -> None:
    data, load = _ranked(plan, draft)
    draft.add(
        "reward",
        "scores an answer as people would",
        load,
        kind="reward",
        model=draft.last or None,
        data=data,
        validation=_held(load.rows),
        truncation="left",
        batch_size=16,
        learning_rate=_rate(1e-5, place),
        **place,
    )
    files, _ = _prompts(plan)
    draft.add(
        "ppo",
        "tries answers of its own, paid by the reward model, held near by KL",
        plan.load(files),
        kind="ppo",
        model=draft.last or None,
        data=[plan.source(file, file.prompts or {}) for file in files],
        validation=0.05,
        rewards={"people": {"kind": "model", "model": "reward"}},
        max_new_tokens=plan.answer_tokens(files),
        target_kl=6,
        learning_rate=_rate(1e-6, place),
        **place,
    )
    draft.last = "ppo"


def _grpo(plan: Plan, draft: Draft, place: Mapping[str, Any]) -> None:
    files = [f for f in plan.seen.files if f.prompts is not None and f.check is not None and f.check.fits]
    first = files[0].check
    assert first is not None  # the rules let GRPO through only where a reward reads the answers
    files = [file for file in files if file.check is not None and file.check.spec == first.spec]
    load = plan.load(files)
    draft.add(
        "grpo",
        "several answers a prompt, each checked and set beside the others",
        load,
        kind="grpo",
        model=draft.last or None,
        data=[plan.source(file, file.prompts or {}) for file in files],
        validation=_held(load.rows),
        rewards={"right": dict(first.spec)},
        num_generations=8,
        max_new_tokens=plan.answer_tokens(files),
        epochs=min(10, ceil(800 / max(load.rows, 1))),
        batch_size=8,
        learning_rate=_rate(1e-6, place),
        alarms={"max_kl": 60},
        **place,
    )
    draft.last = "grpo"
