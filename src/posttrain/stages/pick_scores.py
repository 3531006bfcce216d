"""Scores of candidates by a stage's rewards. Each chunk of prompts is saved, so no judge scores it twice."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from posttrain.candidates.picked_rows import ScoredGroup
from posttrain.candidates.read import CandidateGroup
from posttrain.candidates.selection import comparable_totals
from posttrain.data.example import Example
from posttrain.errors import Stopped
from posttrain.files import read_json, write_json
from posttrain.ranks.assist import Call, Function, OnDone
from posttrain.recipe.stages.pick import PickStage
from posttrain.rewards.model import ModelReward
from posttrain.rewards.score import Reward, combined, open_rewards, reward_verdicts
from posttrain.rewards.types import Failed, NotApplicable
from posttrain.rollouts.scoring import conversation_scores
from posttrain.stages.context import Context
from posttrain.stages.rewards import open_reward_model, renderer_of_reward_model

CHUNK = 64
"""Prompts that are scored and saved at once."""

VERDICTS = "verdicts"
"""The name of the scoring function."""

GroupVerdicts = Mapping[str, Sequence[float | NotApplicable | Failed]]
"""Reward → its verdict on each candidate of a prompt."""

ModelScores = Callable[[Sequence[Example]], Sequence[float | Failed]]
"""Conversations → the scores of a reward model."""


@dataclass(frozen=True, slots=True)
class CandidateScores:
    """The scores of all candidates.

    Args:
        groups: the prompts in the order of the data.
        failures: sentences, each with row and reward.
        not_applicable: reward → reason → number of candidates.
    """

    groups: list[ScoredGroup]
    failures: list[str]
    not_applicable: Mapping[str, Mapping[str, int]]


def scoring_functions(stage: PickStage, context: Context) -> dict[str, Function]:
    """What `score_candidates` calls, by name. Rewards and models are opened at the first call."""
    rewards: dict[str, Reward] = {}
    models: dict[str, ModelScores] = {}

    def verdicts(groups: Sequence[CandidateGroup], done: OnDone) -> list[GroupVerdicts]:
        if not (rewards or models):
            rewards.update(open_rewards(stage.rewards, context.base))
            models.update(_open_models(stage, context))
        return _verdicts(rewards, models, groups)

    return {VERDICTS: verdicts}


def score_candidates(
    stage: PickStage, groups: Sequence[CandidateGroup], context: Context, call: Call
) -> CandidateScores:
    """Score every candidate by every reward. What an earlier, interrupted run scored is read from its files.

    Args:
        call: calls `scoring_functions`.

    Raises:
        InputError: a file, function or model of a reward is missing.
        RunError: a reward fails too often.
        Stopped: the user requested a stop.
    """
    open_rewards(stage.rewards, context.base)  # an error of theirs comes first
    weights = {name: spec.weight for name, spec in stage.rewards.items()}
    scored, failures = list[ScoredGroup](), list[str]()
    not_applicable = {name: Counter[str]() for name in weights}
    with context.screen.bar("scoring", sum(len(group.candidates) for group in groups)) as advance:
        for number, start in enumerate(range(0, len(groups), CHUNK)):
            chunk = groups[start : start + CHUNK]
            path = context.folder / "scores" / f"{number:06}.json"
            if not path.is_file():
                if context.stop():
                    raise Stopped("stopped while scoring candidates; all scores are saved")
                write_json(path, _score_chunk(stage, chunk, call(VERDICTS, chunk, (), lambda done: None)))
            saved = read_json(path)
            failures += saved["failures"]
            for name, reasons in saved["not_applicable"].items():
                not_applicable[name].update(reasons)
            for group, values in zip(chunk, saved["scores"], strict=True):
                scores = {name: tuple(values[name]) for name in weights}
                scored.append(ScoredGroup(group, comparable_totals(scores, weights), scores))
            advance(sum(len(group.totals) for group in scored), "candidates")
    return CandidateScores(scored, failures, {name: reasons for name, reasons in not_applicable.items() if reasons})


def _open_models(stage: PickStage, context: Context) -> dict[str, ModelScores]:
    return {
        name: partial(
            conversation_scores,
            open_reward_model(f"rewards.{name}", spec, stage, context),
            renderer_of_reward_model(spec, stage.data, stage, context),
        )
        for name, spec in stage.rewards.items()
        if isinstance(spec, ModelReward)
    }


def _verdicts(
    rewards: Mapping[str, Reward], models: Mapping[str, ModelScores], groups: Sequence[CandidateGroup]
) -> list[GroupVerdicts]:
    flat = [(group, candidate) for group in groups for candidate in group.candidates]
    texts, rows = [candidate.text for _, candidate in flat], [group.row for group, _ in flat]
    verdicts: dict[str, Sequence[float | NotApplicable | Failed]] = {
        name: reward_verdicts(reward.function, texts, rows) for name, reward in rewards.items()
    }
    for name, model in models.items():
        verdicts[name] = model([_conversation(group, candidate.text) for group, candidate in flat])
    parts = {name: iter(values) for name, values in verdicts.items()}
    return [{name: list(islice(part, len(g.candidates))) for name, part in parts.items()} for g in groups]


def _score_chunk(
    stage: PickStage, chunk: Sequence[CandidateGroup], verdicts: Sequence[GroupVerdicts]
) -> dict[str, Any]:
    """What is saved of a chunk: the scores of each prompt by reward, failures, and reasons why rewards do not apply."""
    flat = {name: [verdict for group in verdicts for verdict in group[name]] for name in verdicts[0]}
    weights = {name: stage.rewards[name].weight for name in flat}
    wheres = [group.example.where for group in chunk for _ in group.candidates]
    result = combined(flat, weights, wheres, max_failures=stage.max_failures)
    parts = {name: iter(values) for name, values in result.components.items()}
    return {
        "scores": [{name: list(islice(part, len(g.candidates))) for name, part in parts.items()} for g in chunk],
        "failures": list(result.failures),
        "not_applicable": {name: dict(reasons) for name, reasons in result.not_applicable.items()},
    }


def _conversation(group: CandidateGroup, text: str) -> Example:
    example = group.example
    answer = ({"role": "assistant", "content": text},)
    own = example.template_arguments
    return Example(example.where, example.prompt, (answer,), tools=example.tools, template_arguments=own)
