"""Options of Kahneman-Tversky optimisation."""

from typing import ClassVar, Literal

from pydantic import Field

from posttrain.data.formats.conventions import Kind
from posttrain.data.options import ReasoningOptions
from posttrain.objectives.options import KTOOptions
from posttrain.recipe.stages.base import TrainingStage


class KTOStage(TrainingStage, KTOOptions, ReasoningOptions):
    """KTO trains on single answers with a true or false label (thumbs up or down), without pairs or a reward model."""

    runner: ClassVar[str] = "posttrain.stages.kto"
    starter: ClassVar[str] = "posttrain.recipe:starters/kto.yaml"
    rows: ClassVar[Kind] = "unpaired"

    kind: Literal["kto"]
    batch_size: int = Field(
        default=16, ge=1, description="rows per optimiser step; the KL estimate is their mean, so use 8 or more"
    )
    learning_rate: float = Field(
        default=1e-6, gt=0, lt=1, description="peak learning rate; it should be well below that of SFT"
    )
