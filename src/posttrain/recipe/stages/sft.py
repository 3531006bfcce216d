"""Options of supervised fine-tuning on curated rows."""

from typing import ClassVar, Literal

from pydantic import Field

from posttrain.data.formats.conventions import Kind
from posttrain.data.options import ReasoningOptions
from posttrain.objectives.options import SFTOptions
from posttrain.recipe.stages.base import TrainingStage


class SFTStage(TrainingStage, SFTOptions, ReasoningOptions):
    """SFT trains on pairs of input and output. The quality of the rows decides the result."""

    runner: ClassVar[str] = "posttrain.stages.sft"
    starter: ClassVar[str] = "posttrain.recipe:starters/sft.yaml"
    rows: ClassVar[Kind] = "sft"

    kind: Literal["sft"]
    epochs: float = Field(default=2.0, gt=0, le=100_000, description="passes over the data")
