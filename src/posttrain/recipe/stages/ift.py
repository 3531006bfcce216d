"""Options of instruction fine-tuning on a weighted mixture of tasks."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from posttrain.data.formats.conventions import Kind
from posttrain.data.options import ReasoningOptions
from posttrain.data.sets.split import Held
from posttrain.objectives.options import SFTOptions
from posttrain.options import Options
from posttrain.recipe.stages.base import TrainingStage

Names = tuple[str, ...] | Annotated[float, Field(gt=0, lt=1)]


class HoldOut(Options):
    """The held-out tasks and phrasings: their names, or a share of them."""

    tasks: Names = Field(default=(), description="held-out tasks, to measure the loss on unseen tasks")
    phrasings: Names = Field(
        default=(), description="held-out wordings of instructions, to measure the loss on unseen wordings"
    )


class IFTStage(TrainingStage, SFTOptions, ReasoningOptions):
    """IFT trains on many tasks that are written as instructions, so that the model generalises to unseen tasks."""

    runner: ClassVar[str] = "posttrain.stages.ift"
    starter: ClassVar[str] = "posttrain.recipe:starters/ift.yaml"
    rows: ClassVar[Kind] = "sft"

    kind: Literal["ift"]
    epochs: float = Field(
        default=2.0, gt=0, le=100_000, description="passes over the data; an epoch draws as many rows as the data has"
    )
    temperature: float = Field(
        default=1.0, ge=1, description="1: tasks are drawn by size times weight; higher values draw tasks more evenly"
    )
    hold_out: HoldOut = Field(default=HoldOut(), description="tasks and phrasings that are used for evaluation only")

    @property
    def held_out_names(self) -> tuple[Held, Held]:
        """The held-out tasks and phrasings: their names, or a share of them."""
        return self.hold_out.tasks, self.hold_out.phrasings
