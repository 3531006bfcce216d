"""Memory and time of each stage of a recipe, as orders of magnitude."""

from collections.abc import Mapping
from dataclasses import dataclass

from posttrain.advise.machine import Machine
from posttrain.advise.start_model import StartModel
from posttrain.policy.memory import cache_bytes, estimate, fitting_row
from posttrain.policy.shape import ModelShape
from posttrain.recipe.stages.base import StageOptions, TrainingStage
from posttrain.recipe.stages.candidates import CandidatesStage
from posttrain.recipe.stages.on_policy import OnPolicyStage
from posttrain.recipe.stages.rank import RankStage
from posttrain.stages.cost import Load, flops, has_reward_model, seconds

RANKING_SECONDS = 60.0
"""Seconds that a person takes to rank four candidates."""

H100 = 4e14
"""FLOP/s of bfloat16 matrix products on one H100, for comparison."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a stage.

    Args:
        stage, kind: the stage's name and kind.
        rows: number of rows that it reads.
        memory: peak memory in bytes; None if the model's size is unknown.
        training, writing: FLOPs of training and of generation; None if the model's size is unknown.
        people: seconds of people's work.
    """

    stage: str
    kind: str
    rows: int
    memory: int | None
    training: float | None
    writing: float | None
    people: float = 0.0

    def seconds(self, speed: float, device: str) -> float | None:
        """Seconds on a device with `speed` FLOP/s; None if the model's size is unknown."""
        if self.training is None or self.writing is None:
            return None
        return seconds((self.training, self.writing), speed, device)


def stage_costs(
    stages: Mapping[str, StageOptions], loads: Mapping[str, Load], model: StartModel, machine: Machine
) -> list[Cost]:
    """The cost of each stage that has a load, in the recipe's order."""
    costs: list[Cost] = []
    for name, stage in stages.items():
        load = loads.get(name)
        if load is None:
            continue
        kind = str(stage.kind_name())
        if isinstance(stage, RankStage):
            people = load.rows * stage.settings.overlap * RANKING_SECONDS
            costs.append(Cost(name, kind, load.rows, 0, 0.0, 0.0, people))
        elif model.shape is None:
            costs.append(Cost(name, kind, load.rows, None, None, None))
        else:
            memory = peak_memory(stage, model.shape, machine, load)
            costs.append(Cost(name, kind, load.rows, memory, *flops(stage, model.shape.parameters, load)))
    return costs


def peak_memory(stage: StageOptions, shape: ModelShape, machine: Machine, load: Load) -> int:
    """Peak memory in bytes, computed as `posttrain plan` does, but with twice the mean prompt as the longest one.

    Matrix products are taken to be in bfloat16 on a GPU, and in float32 on a CPU.
    """
    if isinstance(stage, CandidatesStage):
        length = int(2 * load.prompt) + stage.max_new_tokens
        return 4 * shape.parameters + cache_bytes(shape, rows=stage.rollout_rows, length=length)
    assert isinstance(stage, TrainingStage)
    device, narrow, scored = machine.device, bool(machine.gpus), stage.makes == "score"
    row = fitting_row(shape.config, stage, device, narrow=narrow)
    total = sum(estimate(shape, stage, row_tokens=row, scored=scored, narrow=narrow, device=device).values())
    if isinstance(stage, OnPolicyStage):
        total += cache_bytes(shape, rows=stage.rollout_rows, length=int(2 * load.prompt) + stage.max_new_tokens)
        other_models = (stage.lora is None and stage.needs_reference) + has_reward_model(stage)
        total += 4 * shape.parameters * other_models
    return total
