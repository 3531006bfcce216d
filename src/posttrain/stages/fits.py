"""Whether a stage fits into the memory that is free now."""

from collections.abc import Mapping
from dataclasses import dataclass

from posttrain.console import format_bytes
from posttrain.policy.device import place
from posttrain.policy.machine import free_memory
from posttrain.policy.options import PlaceOptions
from posttrain.recipe.stages.base import ModelStage, StageOptions, TrainingStage
from posttrain.stages.context import Context
from posttrain.stages.runner import runner_of


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


def room(stage: StageOptions, memory: Mapping[str, int]) -> Room | None:
    """The memory that a stage needs and the free memory; None if the stage loads no model."""
    if not memory or not isinstance(stage, PlaceOptions):
        return None
    device = place(stage).device
    return Room(device, sum(memory.values()), free_memory(device), less_memory(stage))


def short_of_memory(stage: StageOptions, context: Context) -> str | None:
    """A sentence if a stage does not fit, known before its data is read or a weight is loaded; None if it may fit."""
    memory = room(stage, runner_of(stage).needs(stage, context))
    return None if memory is None else memory.short


def less_memory(stage: StageOptions) -> str:
    """A sentence on the changes that make a stage need less memory."""
    if not isinstance(stage, ModelStage):
        return "Choose smaller models"
    if not isinstance(stage, TrainingStage):
        return "Choose a smaller model, or lower rollout_rows, max_new_tokens or max_length"
    ways = ["choose a smaller model", "lower row_tokens or max_length"]
    if stage.gradient_checkpointing is not True:
        ways.insert(0, "set gradient_checkpointing: true")
    if stage.lora is None:
        ways.insert(0, "train adapters (lora: {})")
    elif stage.quantization is None:
        ways.insert(0, "quantize the weights (quantization: 4bit, on CUDA)")
    sentence = ", ".join(ways[:-1]) + f" or {ways[-1]}"
    return sentence[0].upper() + sentence[1:]
