"""Instruction fine-tuning on a weighted mixture of tasks, judged on tasks and phrasings never trained on."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from posttrain.errors import InputError
from posttrain.options import Options
from posttrain.stages.technique import Technique, TrainingStage

if TYPE_CHECKING:
    from posttrain.data.sets.prepare import Prepared
    from posttrain.train.batches import Order

Held = tuple[str, ...] | Annotated[float, Field(gt=0, lt=1)]


class HoldOut(Options):
    """What is only evaluated on: names, or a share of them."""

    tasks: Held = Field(default=(), description="whole tasks, for loss on unseen tasks")
    phrasings: Held = Field(default=(), description="whole wordings of instructions, for loss on unseen wordings")


class IFTStage(TrainingStage):
    """IFT: many tasks as instructions; breadth decides, so that it generalises to unseen ones."""

    kind: Literal["ift"]
    epochs: float = Field(
        default=2.0, gt=0, le=100_000, description="passes over as many rows as there are, drawn by task"
    )
    temperature: float = Field(
        default=1.0, ge=1, description="1 draws tasks by size, more evens them out (beside each source's weight)"
    )
    hold_out: HoldOut = Field(default=HoldOut(), description="tasks and phrasings kept from training")


def technique(stage: IFTStage, seed: int) -> Technique:
    """SFT's objective; the mixture is in the order."""
    from posttrain.data.sets.mixture import mixed_order
    from posttrain.data.sets.split import part_of
    from posttrain.objectives.sft import SFT

    def order(prepared: "Prepared") -> "Order":
        _check_held_out(stage, prepared)
        weights = [task.weight for task in prepared.summary.tasks]
        return partial(mixed_order, prepared.task_of, weights, stage.temperature, seed)

    share = stage.validation if isinstance(stage.validation, float) else 0.0
    held = stage.hold_out
    return Technique(
        kind="sft",
        task="causal",
        objective=SFT,
        part_of=partial(part_of, seed=seed, validation=share, tasks=held.tasks, phrasings=held.phrasings),
        order=order,
    )


def _check_held_out(stage: IFTStage, prepared: "Prepared") -> None:
    """A misspelt name would hold out nothing, and nobody would know."""
    from posttrain.data.sets.split import UNSEEN_PHRASINGS, UNSEEN_TASKS

    for key, names, part in (
        ("tasks", stage.hold_out.tasks, UNSEEN_TASKS),
        ("phrasings", stage.hold_out.phrasings, UNSEEN_PHRASINGS),
    ):
        if names and part not in prepared.held_out:
            tasks = ", ".join(task.name for task in prepared.summary.tasks)
            raise InputError(f"hold_out.{key}: no row has {names}, so nothing is held out; the tasks are {tasks}")
