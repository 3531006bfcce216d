"""Options of a reward model."""

from typing import ClassVar, Literal

from pydantic import Field

from posttrain.data.formats.conventions import Kind
from posttrain.objectives.options import BradleyTerryOptions
from posttrain.recipe.stages.base import Makes, TrainingStage


class RewardStage(TrainingStage, BradleyTerryOptions):
    """A reward model learns from pairs or rankings (Bradley-Terry). It serves PPO, GRPO, best-of-n and evaluation."""

    runner: ClassVar[str] = "posttrain.stages.reward"
    starter: ClassVar[str] = "posttrain.recipe:starters/reward.yaml"
    makes: ClassVar[Makes] = "score"
    rows: ClassVar[Kind] = "preference"

    kind: Literal["reward"]
    learning_rate: float = Field(default=1e-5, gt=0, lt=1, description="peak learning rate")
