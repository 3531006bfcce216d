"""The options of every stage whose rewards score completions."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, model_validator

from posttrain.options import Name
from posttrain.recipe.stages.base import OtherModel, StageOptions
from posttrain.rewards.model import ModelReward
from posttrain.rewards.registry import RewardSpec
from posttrain.rewards.types import RewardOptions

Rewards = Mapping[Name, RewardSpec]


class RewardedStage(StageOptions):
    """A stage with rewards, and the models and files that they use."""

    rewards: Annotated[Rewards, Field(min_length=1)] = Field(
        description="name → reward; training maximises their weighted sum"
    )
    max_failures: float = Field(
        default=0.1, ge=0, le=1, description="largest share of a rollout's completions on which a reward may fail"
    )

    @model_validator(mode="after")
    def _some_reward_counts(self) -> "RewardedStage":
        if self.learns_from_rewards and not any(reward.weight for reward in self.rewards.values()):
            names = ", ".join(self.rewards)
            raise ValueError(f"`rewards`: {names} has weight 0, so nothing would be learnt; give one of them a weight")
        return self

    @property
    def learns_from_rewards(self) -> bool:
        """Whether the stage learns from the rewards; else they are only measured."""
        return True

    @property
    def rewards_by_key(self) -> Mapping[str, Rewards]:
        """Key of the stage → the rewards that it holds."""
        return {"rewards": self.rewards}

    @property
    def others(self) -> tuple[OtherModel, ...]:
        """The reward models of the stage."""
        specs = self.reward_specs.items()
        models = ((key, reward.model) for key, reward in specs if isinstance(reward, ModelReward))
        return (*super().others, *(OtherModel(f"{key}.model", model, "score") for key, model in models))

    @property
    def files(self) -> Mapping[str, str]:
        """Key path → file that a reward reads."""
        files = {f"{key}.file": getattr(reward, "file", None) for key, reward in self.reward_specs.items()}
        return {**super().files, **{key: file for key, file in files.items() if isinstance(file, str)}}

    @property
    def reward_specs(self) -> Mapping[str, RewardOptions]:
        """Key path → reward of the stage, including rewards that are only measured."""
        return {f"{key}.{name}": reward for key, specs in self.rewards_by_key.items() for name, reward in specs.items()}
