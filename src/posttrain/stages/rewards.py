"""Opens a recipe's rewards: functions of text, and reward models with their tokenizers."""

from collections.abc import Mapping, Sequence

from posttrain.data.chat.renderer import Renderer
from posttrain.data.chat.scored_text import scores_answers_alone
from posttrain.data.options import DataOptions, DataSource
from posttrain.errors import InputError
from posttrain.policy.load import Policy
from posttrain.policy.open import open_policy
from posttrain.policy.options import PlaceOptions, PolicyOptions
from posttrain.recipe.stages.on_policy import OnPolicyStage
from posttrain.rewards.model import ModelReward
from posttrain.rewards.registry import RewardSpec
from posttrain.rewards.score import open_rewards
from posttrain.rollouts.scoring import RewardModel, Scorer
from posttrain.stages.context import Context
from posttrain.stages.inputs import renderer_for

SHOWN = 5
"""The number of failures, and of reasons why rewards do not apply, that are shown. Further ones are only counted."""


def open_scorer(stage: OnPolicyStage, policy: Policy, context: Context) -> tuple[Scorer, Scorer]:
    """The scorer of the rewards that a stage trains on, and the scorer of those that it only measures.

    Raises:
        InputError: a file, function or model of a reward is missing.
    """
    return _open(stage, "rewards", stage.rewards, policy, context), _open(stage, "gold", stage.gold, policy, context)


def _open(stage: OnPolicyStage, key: str, specs: Mapping[str, RewardSpec], policy: Policy, context: Context) -> Scorer:
    models = {
        name: _reward_model(f"{key}.{name}", spec, stage, policy, context)
        for name, spec in specs.items()
        if isinstance(spec, ModelReward)
    }
    shown = 0

    def on_failure(sentence: str) -> None:
        nonlocal shown
        shown += 1
        if shown <= SHOWN:
            more = " (further ones are only counted)" if shown == SHOWN else ""
            context.screen.note(f"a reward failed on a completion and does not count there: {sentence}{more}")

    seen: set[tuple[str, str]] = set()

    def on_not_applicable(name: str, reason: str, count: int) -> None:
        if (name, reason) not in seen and len(seen) < SHOWN:
            seen.add((name, reason))
            context.screen.note(f"{key}.{name} does not apply to {count} completions of this rollout: {reason}")

    rewards = open_rewards(specs, context.base, key=key)
    return Scorer(rewards, models, stage.row_tokens, stage.max_failures, on_failure, on_not_applicable)


def _reward_model(where: str, spec: ModelReward, stage: OnPolicyStage, policy: Policy, context: Context) -> RewardModel:
    """Open a reward model. If it reads other tokens than the policy writes, it tokenizes each text again."""
    reward_model = open_reward_model(where, spec, stage, context)
    alone = scores_answers_alone(reward_model.tokenizer)
    if not alone and reward_model.tokenizer.get_vocab() == policy.tokenizer.get_vocab():
        return RewardModel(reward_model, spec.weight)
    why = "scores answers without their reasoning traces" if alone else "has another tokenizer"
    context.screen.note(f"{where}: {spec.model} {why}, so completions are tokenized again for it")
    return RewardModel(reward_model, spec.weight, renderer_of_reward_model(spec, stage.data, stage, context))


def open_reward_model(where: str, spec: ModelReward, place: PlaceOptions, context: Context) -> Policy:
    """Load a reward model.

    Args:
        where: the key path of the reward.

    Raises:
        InputError: the model has no trained scalar head.
    """
    options = PolicyOptions(precision=place.precision, device=place.device, trust_remote_code=place.trust_remote_code)
    path = context.models[spec.model]
    reward_model = open_policy(path, options, task="score", train=False, on_note=context.screen.note)
    reward_model.model.requires_grad_(False)
    if not reward_model.base.score.weight.any():
        raise InputError(f"{where}.model: {spec.model} has no trained scalar head, so every score would be 0")
    return reward_model


def renderer_of_reward_model(
    spec: ModelReward, sources: Sequence[DataSource], place: PlaceOptions, context: Context
) -> Renderer:
    """The renderer of conversations that a reward model reads as text."""
    own = Context(context.name, context.folder, context.base, context.models[spec.model], context.seed)
    data = DataOptions.model_validate({"data": [source.model_dump() for source in sources]})
    return renderer_for(data, own, trust_remote_code=place.trust_remote_code)
