"""Options of direct preference optimisation."""

from typing import ClassVar, Literal

from pydantic import Field

from posttrain.data.formats.conventions import Kind
from posttrain.data.options import ReasoningOptions
from posttrain.objectives.options import DPOOptions
from posttrain.recipe.stages.base import TrainingStage


class DPOStage(TrainingStage, DPOOptions, ReasoningOptions):
    """DPO trains on preference pairs in one stage, without a reward model."""

    runner: ClassVar[str] = "posttrain.stages.dpo"
    starter: ClassVar[str] = "posttrain.recipe:starters/dpo.yaml"
    rows: ClassVar[Kind] = "preference"

    kind: Literal["dpo"]
    learning_rate: float = Field(
        default=1e-6, gt=0, lt=1, description="peak learning rate; it should be well below that of SFT"
    )
