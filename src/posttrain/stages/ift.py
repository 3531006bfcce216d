"""Instruction fine-tuning on a weighted mixture of tasks, with evaluation on held-out tasks and phrasings."""

from functools import partial

from posttrain.data.sets.mixture import mixed_order
from posttrain.data.sets.prepare import Prepared
from posttrain.data.sets.split import UNSEEN_PHRASINGS, UNSEEN_TASKS
from posttrain.errors import InputError
from posttrain.objectives.sft import sft_objective
from posttrain.recipe.stages.ift import IFTStage
from posttrain.stages.technique import Technique
from posttrain.stages.training import curated
from posttrain.train.batches import Order


def _technique(stage: IFTStage, seed: int) -> Technique:
    """The SFT objective. The order of the groups gives the mixture."""

    def order(prepared: Prepared) -> Order:
        _check_held_out(stage, prepared)
        weights = [task.weight for task in prepared.summary.tasks]
        return partial(mixed_order, prepared.task_of, weights, stage.temperature, seed)

    return Technique(task="causal", objective=sft_objective(stage), order=order)


def _check_held_out(stage: IFTStage, prepared: Prepared) -> None:
    """Refuse names that hold out no rows, such as misspelt ones."""
    for key, names, part in (
        ("tasks", stage.hold_out.tasks, UNSEEN_TASKS),
        ("phrasings", stage.hold_out.phrasings, UNSEEN_PHRASINGS),
    ):
        if names and part not in prepared.held_out:
            tasks = ", ".join(task.name for task in prepared.summary.tasks)
            raise InputError(f"hold_out.{key}: no row has {names}, so no row is held out; the tasks are {tasks}")


RUNNER = curated(_technique)
