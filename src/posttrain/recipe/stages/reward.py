"""Options of a reward model."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from posttrain.data.formats.conventions import Kind
from posttrain.data.options import ReasoningOptions
from posttrain.objectives.options import BradleyTerryOptions
from posttrain.recipe.stages.base import Makes, TrainingStage


class RewardStage(TrainingStage, BradleyTerryOptions, ReasoningOptions):
    """A reward model learns from pairs or rankings (Bradley-Terry). It serves PPO, GRPO, best-of-n and evaluation."""

    runner: ClassVar[str] = "posttrain.stages.reward"
    starter: ClassVar[str] = "posttrain.recipe:starters/reward.yaml"
    makes: ClassVar[Makes] = "score"
    rows: ClassVar[Kind] = "preference"

    kind: Literal["reward"]
    learning_rate: float = Field(default=1e-5, gt=0, lt=1, description="peak learning rate")

    @property
    def can_be_in_shards(self) -> bool:
        """Whether the weights can be divided among processes; an adapter would copy the scalar head."""
        return super().can_be_in_shards and self.lora is None

    @model_validator(mode="after")
    def _has_no_loss_to_mask(self) -> "RewardStage":
        if self.reasoning == "mask":
            raise ValueError(
                "`reasoning: mask`: a reward model scores whole completions, and no token of them bears loss; use "
                "`drop` to score the answers alone, or `train` to score them with their traces"
            )
        return self
