"""Options of instruction fine-tuning on a weighted mixture of tasks."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from posttrain.data.formats.conventions import Kind
from posttrain.data.sets.split import Held
from posttrain.options import Options
from posttrain.recipe.stages.base import TrainingStage

Names = tuple[str, ...] | Annotated[float, Field(gt=0, lt=1)]


class HoldOut(Options):
    """Tasks or phrasings that are only used for evaluation: their names, or a share of them."""

    tasks: Names = Field(default=(), description="whole tasks, for loss on unseen tasks")
    phrasings: Names = Field(default=(), description="whole wordings of instructions, for loss on unseen wordings")


class IFTStage(TrainingStage):
    """IFT: many tasks as instructions; breadth decides, so that it generalises to unseen ones."""

    runner: ClassVar[str] = "posttrain.stages.ift"
    starter: ClassVar[str] = "posttrain.recipe:starters/ift.yaml"
    rows: ClassVar[Kind] = "sft"

    kind: Literal["ift"]
    epochs: float = Field(
        default=2.0, gt=0, le=100_000, description="passes over as many rows as there are, drawn by task"
    )
    temperature: float = Field(
        default=1.0, ge=1, description="1 draws tasks by size, more evens them out (beside each source's weight)"
    )
    hold_out: HoldOut = Field(default=HoldOut(), description="tasks and phrasings kept from training")

    @property
    def held_out_names(self) -> tuple[Held, Held]:
        """Tasks and phrasings that are only evaluated on."""
        return self.hold_out.tasks, self.hold_out.phrasings
