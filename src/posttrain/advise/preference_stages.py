"""Drafts the stages that learn from preferences: candidates and ranking where there are no pairs, DPO, KTO, RLHF."""

from collections.abc import Mapping
from math import ceil
from typing import Any

from posttrain.advise.draft import BuildContext, RecipeDraft
from posttrain.advise.profile import FileProfile
from posttrain.advise.rules import THRESHOLDS
from posttrain.advise.stage_values import held_out_share, learning_rate
from posttrain.stages.cost import Load


def add_dpo(context: BuildContext, draft: RecipeDraft, policy: Mapping[str, Any]) -> None:
    """Append the stages of DPO."""
    data, load = _add_preference_data(context, draft)
    draft.add(
        "dpo",
        "makes the preferred answer of each pair more likely, and keeps the policy near its starting model",
        load,
        kind="dpo",
        model=draft.last or None,
        data=data,
        validation=held_out_share(load.rows),
        truncation="left",
        beta=0.1,
        length_normalized=True if "length_biased" in context.case.facts else None,
        epochs=1,
        batch_size=16,
        learning_rate=learning_rate(1e-6, policy),
        **policy,
    )
    draft.last = "dpo"


def add_kto(context: BuildContext, draft: RecipeDraft, policy: Mapping[str, Any]) -> None:
    """Append the stage of KTO. Its weights bring good and bad answers into the range that the paper advises."""
    files = context.profile.of("unpaired")
    load, figures = context.load(files), context.case.figures
    ratio = figures["good"] / figures["bad"]  # the rules advise KTO only if there are both
    draft.add(
        "kto",
        "makes good answers more likely and bad ones less likely, and keeps the policy near its starting model",
        load,
        kind="kto",
        model=draft.last or None,
        data=[context.source(file, file.columns) for file in files],
        validation=held_out_share(load.rows),
        truncation="left",
        beta=0.1,
        desirable_weight=ceil(100 / ratio) / 100 if ratio < 1 else None,
        undesirable_weight=ceil(75 * ratio) / 100 if ratio > 4 / 3 else None,
        epochs=1,
        batch_size=16,
        learning_rate=learning_rate(1e-6, policy),
        **policy,
    )
    draft.last = "kto"


def add_rlhf(context: BuildContext, draft: RecipeDraft, policy: Mapping[str, Any]) -> None:
    """Append the stages of RLHF: the reward model, and PPO."""
    data, load = _add_preference_data(context, draft)
    draft.add(
        "reward",
        "learns to score an answer as people would",
        load,
        kind="reward",
        model=draft.last or None,
        data=data,
        validation=held_out_share(load.rows),
        truncation="left",
        batch_size=16,
        learning_rate=learning_rate(1e-5, policy),
        **policy,
    )
    files, _ = _prompt_data(context)
    draft.add(
        "ppo",
        "generates answers, which the reward model scores; a KL penalty keeps the policy near its starting model",
        context.load(files),
        kind="ppo",
        model=draft.last or None,
        data=[context.source(file, file.prompts or {}) for file in files],
        validation=0.05,
        rewards={"people": {"kind": "model", "model": "reward"}},
        max_new_tokens=context.answer_tokens(files),
        target_kl=6,
        learning_rate=learning_rate(1e-6, policy),
        **policy,
    )
    draft.last = "ppo"


def _add_preference_data(context: BuildContext, draft: RecipeDraft) -> tuple[list[Any], Load]:
    """The preference data to train on and its load; stages that make it are appended to the draft.

    The existing pairs are used if they are fit, then existing verdicts; else people rank candidates.
    """
    pairs = context.profile.of("preference")
    judged = context.profile.of("judged")
    if context.case.pairs_fit and pairs:
        return [context.source(file, file.columns) for file in pairs], context.load(pairs)
    if context.case.pairs_fit and judged:
        draft.add(
            "rank",
            "imports the existing verdicts, and makes pairs of them",
            None,
            kind="rank",
            data=[context.source(file, {}) for file in judged],
            project="judged",
            least=0.5,
        )
        return ["rank"], context.load(judged)
    if "rank" not in draft.stages:
        _add_ranking(context, draft)
    load = draft.loads["rank"]
    answers = float(draft.stages["candidates"]["max_new_tokens"])  # two answers, each half of the limit long
    return ["rank"], Load(load.rows * 6, load.prompt, answers)


def _add_ranking(context: BuildContext, draft: RecipeDraft) -> None:
    """The stages that generate candidates and let people rank them."""
    files, data = _prompt_data(context)
    load = context.load(files, THRESHOLDS.ranked)
    people = context.answers.people or 1
    draft.add(
        "candidates",
        "generates several answers to each prompt",
        load,
        kind="candidates",
        model=draft.last or None,
        data=data,
        k=4,
        max_new_tokens=context.answer_tokens(files),
    )
    settings = {"overlap": min(2, people)} | ({"most": 3} if people > 2 else {})
    draft.add(
        "rank",
        "people rank the candidates in their browser: the run waits here, and the same command continues it",
        load,
        kind="rank",
        data="candidates",
        project="ranking",
        settings=settings,
        least=0.5,
    )


def _prompt_data(context: BuildContext) -> tuple[list[FileProfile], list[Any]]:
    """The files to read prompts from, and their recipe entries: files of prompts alone, else all with prompts."""
    usable = [file for file in context.profile.files if file.prompts is not None]
    files = [file for file in usable if file.kind == "prompt"] or usable
    many = sum(file.usable for file in files) > THRESHOLDS.ranked
    rows = ceil(THRESHOLDS.ranked / len(files)) if many else None
    return files, [context.source(file, file.prompts or {}, rows=rows) for file in files]
