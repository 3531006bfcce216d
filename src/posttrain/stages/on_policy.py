"""What PPO and GRPO share: prompts, sampling, rewards; the source that writes, scores and credits; held-out reward."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from posttrain.generation.options import SamplingOptions, VllmOptions
from posttrain.options import Name
from posttrain.rewards.kinds import RewardSpec
from posttrain.rewards.model import ModelReward
from posttrain.rewards.types import RewardOptions
from posttrain.rollouts.options import AlarmOptions
from posttrain.stages.context import Context, Figure
from posttrain.stages.inputs import renderer_for, told_of
from posttrain.stages.steps import steps_of
from posttrain.stages.technique import Other, Preview, TrainingStage
from posttrain.stages.training import finish

if TYPE_CHECKING:
    from posttrain.core.outputs import Objective
    from posttrain.data.chat.renderer import Renderer
    from posttrain.data.sets.prompts import Prompts
    from posttrain.policy.load import Policy
    from posttrain.rollouts.types import AdvantageFn, Reference

Rewards = Mapping[Name, RewardSpec]
Value = Literal["shared", "separate"]


class OnPolicyStage(TrainingStage, SamplingOptions):
    """A stage that learns from what the model itself writes."""

    rewards: Annotated[Rewards, Field(min_length=1)] = Field(description="name → reward; their weighted sum is learnt")
    gold: Rewards = Field(default={}, description="name → reward that is only measured, on held-out prompts")
    max_failures: float = Field(default=0.1, ge=0, le=1, description="share of a rollout one reward may fail on")
    batch_size: int = Field(default=8, ge=1, description="prompts per optimiser step")
    minibatches: int = Field(default=1, ge=1, description="optimiser steps that a rollout's prompts are cut into")
    inner_epochs: int = Field(default=1, ge=1, description="how often each completion of a rollout is learnt from")
    num_generations: int = Field(default=8, ge=1, description="completions written of each prompt")
    temperature: float = Field(default=1.0, gt=0, description="of sampling, and of the log-probs learnt from")
    learning_rate: float = Field(default=1e-6, gt=0, lt=1, description="peak learning rate")
    alarms: AlarmOptions = Field(default=AlarmOptions(), description="the known ways to fail, and whether to stop")
    vllm: VllmOptions | None = Field(
        default=None, description="write with vLLM in this process (CUDA; pip install 'posttrain[vllm]')"
    )
    show_every: int | None = Field(
        default=None, ge=0, description="rollouts between two shown in the terminal; a tenth if unset, 0 for none"
    )

    @model_validator(mode="after")
    def _counts_in_prompts(self) -> "OnPolicyStage":
        if self.batch_tokens is not None:
            raise ValueError("`batch_tokens` is for data that is there beforehand; say `batch_size`, in prompts")
        return self

    @model_validator(mode="after")
    def _vllm_takes_whole_weights(self) -> "OnPolicyStage":
        if self.vllm is not None and self.quantization is not None:
            raise ValueError("`vllm` is handed the policy's weights, and a 4-bit base has none to hand; leave one out")
        return self

    @model_validator(mode="after")
    def _some_reward_counts(self) -> "OnPolicyStage":
        if not any(reward.weight for reward in self.rewards.values()):
            names = ", ".join(self.rewards)
            raise ValueError(f"`rewards`: {names} has weight 0, so nothing would be learnt; give one of them a weight")
        return self

    @property
    def held(self) -> bool:
        """Whether log-probs of the model before training are needed."""
        return True

    @property
    def value_trunk(self) -> bool:
        """Whether a second trunk is trained, for the value alone."""
        return False

    @property
    def others(self) -> tuple[Other, ...]:
        """Its reward models."""
        return tuple(
            Other(f"{key}.{name}.model", reward.model, "score")
            for key, specs in (("rewards", self.rewards), ("gold", self.gold))
            for name, reward in specs.items()
            if isinstance(reward, ModelReward)
        )

    @property
    def files(self) -> Mapping[str, str]:
        """Files its rewards read."""
        return {
            f"{key}.file": file
            for key, reward in self.reward_specs.items()
            if isinstance(file := getattr(reward, "file", None), str)
        }

    @property
    def reward_specs(self) -> Mapping[str, RewardOptions]:
        """Its rewards, and those that only measure."""
        both = (("rewards", self.rewards), ("gold", self.gold))
        return {f"{key}.{name}": reward for key, specs in both for name, reward in specs.items()}


@dataclass(frozen=True, slots=True)
class OnPolicyTechnique:
    """What tells PPO from GRPO.

    Args:
        objective: its loss.
        credit: from (policy, reference or None) to the credit of a rollout.
        value: the policy gets a value head, on its own trunk or on a copy of it; None for no head.
        beta: KL coefficient of the first rollout.
        most_draws, mask_truncated: see `RolloutSpec`.
    """

    objective: "Objective"
    credit: "Callable[[Policy, Reference | None], AdvantageFn]"
    value: "Value | None" = None
    beta: float = 0.0
    most_draws: int = 0
    mask_truncated: bool = False


def needs(stage: OnPolicyStage, context: Context, longest: int = 1) -> dict[str, int]:
    """Bytes of memory at the peak, by purpose.

    Args:
        longest: tokens of the longest prompt; the least there can be if it is not known.
    """
    from posttrain.policy.memory import cache_bytes, estimate
    from posttrain.policy.shape import model_shape

    shape = model_shape(context.model, trust_remote_code=stage.trust_remote_code)
    memory = estimate(shape, stage, row_tokens=stage.row_tokens, scored=False)
    if stage.vllm is None:
        memory["writing"] = cache_bytes(shape, rows=stage.rollout_rows, length=longest + stage.max_new_tokens)
    if stage.lora is None and stage.held:
        memory["reference"] = 4 * shape.parameters
    if stage.value_trunk:
        memory["value"] = 16 * shape.parameters
    judges = [
        model_shape(context.models[other.name], trust_remote_code=stage.trust_remote_code) for other in stage.others
    ]
    if judges:
        memory["reward models"] = 4 * sum(judge.parameters for judge in judges)
    return memory


def preview(stage: OnPolicyStage, context: Context) -> Preview:
    """What a run would do: rows, tokens, steps and memory."""
    renderer = renderer_for(stage, context, trust_remote_code=stage.trust_remote_code)
    prompts = read(stage, renderer, context)
    memory = needs(stage, context, max(len(prompt.tokens) for prompt in prompts.train))
    by_epochs = _by_epochs(stage, len(prompts.train)) * stage.minibatches * stage.inner_epochs
    return Preview(prompts.summary, steps_of(stage, by_epochs), memory, (renderer,), by_epochs)


def read(stage: OnPolicyStage, renderer: "Renderer", context: Context) -> "Prompts":
    """The stage's prompts, and a word on what was left out."""
    from posttrain.data.chat.answer_text import prefill_note
    from posttrain.data.sets.prompts import read_prompts
    from posttrain.data.sets.split import part_of

    share = stage.validation if isinstance(stage.validation, float) else 0.0
    with context.screen.bar("reading", None) as advance:
        prompts = read_prompts(
            stage,
            renderer,
            answer=stage.max_new_tokens,
            part_of=partial(part_of, seed=context.seed, validation=share, tasks=(), phrasings=()),
            base=context.base,
            on_rows=lambda n: advance(n, "rows"),
        )
    for sentence in (*told_of(prompts.summary), *prefill_note(renderer)):
        context.screen.note(sentence)
    return prompts


def train_on_policy(stage: OnPolicyStage, technique: OnPolicyTechnique, context: Context) -> dict[str, Figure]:
    """Run an on-policy stage; its folder then also holds ``completions/``, a table a rollout.

    Killed at any point and called again, it goes on to the same weights.
    """
    from posttrain.policy.open import open_policy
    from posttrain.policy.reference_model import adapted, freeze, frozen_logprobs
    from posttrain.policy.value_head import add_value_head
    from posttrain.rollouts.maker import maker
    from posttrain.rollouts.source import Rollouts
    from posttrain.rollouts.types import RolloutState
    from posttrain.stages.completions import shower
    from posttrain.stages.figures import rollout_figures
    from posttrain.stages.held_out import held_out_rewards
    from posttrain.stages.rewards import open_scorer
    from posttrain.stages.sample_answers import asked_of_prompts
    from posttrain.stages.sampler import rollout_spec
    from posttrain.train.loop import Training

    screen, folder = context.screen, context.folder
    renderer = renderer_for(stage, context, trust_remote_code=stage.trust_remote_code)
    prompts = read(stage, renderer, context)
    policy = open_policy(context.model, stage, seed=context.draws, on_note=screen.note)
    policy.end_tokens = tuple(sorted(renderer.end_tokens))
    if not policy.end_tokens:
        screen.note("the model has no end token: every completion will be cut at max_new_tokens")
    scorer, gold = open_scorer(stage, policy, context)
    reference = None
    if stage.held:
        copy = None if adapted(policy) else freeze(open_policy(context.model, stage, train=False))
        reference = frozen_logprobs(policy, copy, row_tokens=stage.row_tokens, temperature=stage.temperature)
    if technique.value is not None:
        add_value_head(policy, separate=technique.value == "separate")
    writing = rollout_spec(stage, technique, policy, renderer, prompts, scorer, context)
    rollouts = _rollouts(stage, len(prompts.train))
    source = Rollouts(
        maker(
            writing,
            technique.credit(policy, reference),
            stage.alarms,
            folder / "completions",
            on_note=screen.note,
            rollouts=rollouts,
            on_experience=shower(stage.show_every, rollouts, screen),
        ),
        prompts=len(prompts.train),
        batch_size=stage.batch_size,
        minibatches=stage.minibatches,
        inner_epochs=stage.inner_epochs,
        folder=folder / "rollouts",
        seed=context.seed,
        start=RolloutState(beta=technique.beta),
    )
    measure = None
    if prompts.held_out:
        measure = held_out_rewards(writing, prompts.held_out, gold, reference, stage.alarms, context)
    monitor = ("eval_reward", True)
    training = Training(policy, source, technique.objective, stage, folder, measure=measure, monitor=monitor)
    figures = finish(stage, training, renderer, context, asked_of_prompts(prompts))
    completions = stage.batch_size * stage.minibatches * stage.num_generations
    return rollout_figures(folder / "metrics.jsonl", completions) | figures


def _by_epochs(stage: OnPolicyStage, prompts: int) -> int:
    """Rollouts that the epochs alone would take."""
    from posttrain.rollouts.source import rollouts_in

    return rollouts_in(stage.epochs, prompts, stage.batch_size * stage.minibatches)


def _rollouts(stage: OnPolicyStage, prompts: int) -> int:
    """Rollouts in all."""
    most = None if stage.max_steps is None else ceil(stage.max_steps / (stage.minibatches * stage.inner_epochs))
    rollouts = _by_epochs(stage, prompts)
    return rollouts if most is None else min(rollouts, most)
