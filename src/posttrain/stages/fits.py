"""Whether a stage fits into the memory that is free now."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from posttrain.console import format_bytes
from posttrain.policy.device import place
from posttrain.policy.machine import free_memory
from posttrain.policy.options import PlaceOptions
from posttrain.recipe.stages.base import ModelStage, StageOptions, TrainingStage
from posttrain.stages.context import Context, Ranks
from posttrain.stages.runner import runner_of

Stage = TypeVar("Stage", bound=StageOptions)


@dataclass(frozen=True, slots=True)
class Room:
    """The memory that a stage needs, and the free memory of its device.

    Args:
        needed: bytes at the peak.
        free: bytes that a new process can use.
        remedy: a sentence on the changes that save memory.
    """

    device: str
    needed: int
    free: int
    remedy: str

    @property
    def short(self) -> str | None:
        """A sentence if the stage does not fit; None if it does."""
        if self.needed <= self.free:
            return None
        return (
            f"does not fit: it needs {format_bytes(self.needed)}, and {self.device} has "
            f"{format_bytes(self.free)} free. "
            f"{self.remedy}"
        )


def room(stage: StageOptions, memory: Mapping[str, int], ranks: Ranks) -> Room | None:
    """The memory that a stage needs and the free memory; None if the stage loads no model.

    Args:
        memory: bytes of one rank, by purpose. The ranks of a machine share its main memory; each has a GPU of its own.
    """
    if not memory or not isinstance(stage, PlaceOptions):
        return None
    device = place(stage).device
    sharing = ranks.here if device == "cpu" and runner_of(stage).parallel else 1
    return Room(device, sharing * sum(memory.values()), free_memory(device), less_memory(stage))


def short_of_memory(stage: StageOptions, context: Context) -> str | None:
    """A sentence if a stage does not fit, known before its data is read or a weight is loaded; None if it may fit."""
    stage = with_parallel(stage, context)
    memory = room(stage, runner_of(stage).needs(stage, context), context.ranks)
    return None if memory is None else memory.short


def with_parallel(stage: Stage, context: Context) -> Stage:
    """The stage with ``parallel: auto`` decided.

    With several ranks it is the first of replicate, hybrid (on several machines) and shard that fits, or shard.
    """
    if not isinstance(stage, TrainingStage) or stage.parallel != "auto":
        return stage
    whole = stage.model_copy(update={"parallel": "replicate"})
    if context.ranks.total == 1 or not stage.can_be_in_shards:
        return whole
    hybrid, shard = (stage.model_copy(update={"parallel": mode}) for mode in ("hybrid", "shard"))
    over_machines = context.ranks.here < context.ranks.total and context.ranks.total % context.ranks.here == 0
    for candidate in (whole, hybrid) if over_machines else (whole,):
        memory = room(candidate, runner_of(candidate).needs(candidate, context), context.ranks)
        if memory is None or memory.short is None:
            return candidate
    return shard


def less_memory(stage: StageOptions) -> str:
    """A sentence on the changes that make a stage need less memory."""
    if not isinstance(stage, ModelStage):
        return "Choose smaller models"
    if not isinstance(stage, TrainingStage):
        return "Choose a smaller model, or lower rollout_rows, max_new_tokens or max_length"
    ways = ["choose a smaller model", "lower row_tokens or max_length"]
    if stage.gradient_checkpointing is not True:
        ways.insert(0, "set gradient_checkpointing: true")
    if stage.optimizer == "adamw" and stage.lora is None:
        ways.append("keep moments in 8 bits (optimizer: adamw8bit)")
    if stage.can_be_in_shards and place(stage).device != "cpu":
        ways.append("train in shards with more processes (parallel: shard)")
    if stage.lora is None:
        ways.insert(0, "train adapters (lora: {})")
    elif stage.quantization is None:
        ways.insert(0, "quantize the weights (quantization: 4bit)")
    sentence = ", ".join(ways[:-1]) + f" or {ways[-1]}"
    return sentence[0].upper() + sentence[1:]
