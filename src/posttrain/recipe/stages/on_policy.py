"""The options that PPO and GRPO share: prompts, sampling, rewards, alarms."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from posttrain.data.formats.conventions import Kind
from posttrain.generation.options import SamplingOptions, VllmOptions
from posttrain.options import Name
from posttrain.recipe.stages.base import OtherModel, TrainingStage
from posttrain.rewards.model import ModelReward
from posttrain.rewards.registry import RewardSpec
from posttrain.rewards.types import RewardOptions
from posttrain.rollouts.options import AlarmOptions

Rewards = Mapping[Name, RewardSpec]


class OnPolicyStage(TrainingStage, SamplingOptions):
    """A stage that learns from completions that the policy itself generates."""

    rows: ClassVar[Kind] = "prompt"

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
    def needs_reference(self) -> bool:
        """Whether log-probs of the model before training are needed."""
        return True

    @property
    def value_trunk(self) -> bool:
        """Whether a second trunk is trained, for the value alone."""
        return False

    @property
    def others(self) -> tuple[OtherModel, ...]:
        """Its reward models."""
        return tuple(
            OtherModel(f"{key}.{name}.model", reward.model, "score")
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
        """Its rewards, including the rewards that are only measured."""
        both = (("rewards", self.rewards), ("gold", self.gold))
        return {f"{key}.{name}": reward for key, specs in both for name, reward in specs.items()}

    @property
    def answer_tokens(self) -> int:
        """Tokens of `max_length` that are kept free for the completion."""
        return self.max_new_tokens
