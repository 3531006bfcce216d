"""The options that PPO and GRPO share: prompts, sampling, rewards and alarms."""

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

    rewards: Annotated[Rewards, Field(min_length=1)] = Field(
        description="name → reward; training maximises their weighted sum"
    )
    gold: Rewards = Field(default={}, description="name → reward that is only measured on held-out prompts")
    max_failures: float = Field(
        default=0.1, ge=0, le=1, description="largest share of a rollout's completions on which a reward may fail"
    )
    batch_size: int = Field(default=8, ge=1, description="prompts per optimiser step")
    minibatches: int = Field(default=1, ge=1, description="optimiser steps per pass over a rollout's prompts")
    inner_epochs: int = Field(default=1, ge=1, description="passes over each rollout")
    num_generations: int = Field(default=8, ge=1, description="completions per prompt")
    temperature: float = Field(default=1.0, gt=0, description="sampling temperature, also of the loss's log-probs")
    learning_rate: float = Field(default=1e-6, gt=0, lt=1, description="peak learning rate")
    alarms: AlarmOptions = Field(
        default=AlarmOptions(), description="thresholds of known failures, and whether an alarm stops the stage"
    )
    vllm: VllmOptions | None = Field(
        default=None, description="generate with vLLM in this process (CUDA; pip install 'posttrain[vllm]')"
    )
    show_every: int | None = Field(
        default=None,
        ge=0,
        description="rollouts between two that the terminal shows; if unset, it shows about ten in all; 0: none",
    )

    @model_validator(mode="after")
    def _counts_in_prompts(self) -> "OnPolicyStage":
        if self.batch_tokens is not None:
            raise ValueError("`batch_tokens` is for data sets only; set `batch_size`, the number of prompts, instead")
        return self

    @model_validator(mode="after")
    def _vllm_takes_whole_weights(self) -> "OnPolicyStage":
        if self.vllm is not None and self.quantization is not None:
            raise ValueError("`vllm` cannot read 4-bit weights; remove `vllm` or `quantization`")
        return self

    @model_validator(mode="after")
    def _some_reward_counts(self) -> "OnPolicyStage":
        if self.learns_from_rewards and not any(reward.weight for reward in self.rewards.values()):
            names = ", ".join(self.rewards)
            raise ValueError(f"`rewards`: {names} has weight 0, so nothing would be learnt; give one of them a weight")
        return self

    @property
    def needs_reference(self) -> bool:
        """Whether log-probs of the model before training are needed."""
        return True

    @property
    def learns_from_rewards(self) -> bool:
        """Whether advantages come from rewards."""
        return True

    @property
    def reference_name(self) -> str | None:
        """The reference model, as the stage names it; None for the start model."""
        return None

    @property
    def value_trunk(self) -> bool:
        """Whether the value function has a trunk of its own."""
        return False

    @property
    def others(self) -> tuple[OtherModel, ...]:
        """The reward models of the stage."""
        return tuple(
            OtherModel(f"{key}.{name}.model", reward.model, "score")
            for key, specs in (("rewards", self.rewards), ("gold", self.gold))
            for name, reward in specs.items()
            if isinstance(reward, ModelReward)
        )

    @property
    def files(self) -> Mapping[str, str]:
        """Key path → file that a reward reads."""
        return {
            f"{key}.file": file
            for key, reward in self.reward_specs.items()
            if isinstance(file := getattr(reward, "file", None), str)
        }

    @property
    def reward_specs(self) -> Mapping[str, RewardOptions]:
        """Key path → reward of the stage, including rewards that are only measured."""
        both = (("rewards", self.rewards), ("gold", self.gold))
        return {f"{key}.{name}": reward for key, specs in both for name, reward in specs.items()}

    @property
    def answer_tokens(self) -> int:
        """The tokens of `max_length` that are reserved for the completion."""
        return self.max_new_tokens
