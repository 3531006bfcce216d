"""Memory and time of each stage of a recipe, by order of magnitude."""

from collections.abc import Mapping
from dataclasses import dataclass

from posttrain.advise.machine import Machine, Model
from posttrain.policy.memory import cache_bytes, estimate, fitting_row
from posttrain.policy.shape import ModelShape
from posttrain.recipe.stages.base import StageOptions, TrainingStage
from posttrain.recipe.stages.candidates import CandidatesStage
from posttrain.recipe.stages.on_policy import OnPolicyStage
from posttrain.recipe.stages.rank import RankStage
from posttrain.stages.cost import Load, flops, scored, seconds

JUDGING = 60.0
"""Seconds that a person takes to order four candidates."""

H100 = 4e14
"""FLOP/s of bfloat16 products of one H100, for comparison."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a stage takes.

    Args:
        stage, kind: its name and kind.
        rows: read.
        memory: bytes at the peak; None if the model's size is unknown.
        training, writing: FLOPs of training steps, and of writing completions.
        people: seconds of people.
    """

    stage: str
    kind: str
    rows: int
    memory: int | None
    training: float | None
    writing: float | None
    people: float = 0.0

    def seconds(self, speed: float, device: str) -> float | None:
        """On a device of so many FLOP/s."""
        if self.training is None or self.writing is None:
            return None
        return seconds((self.training, self.writing), speed, device)


def costs(stages: Mapping[str, StageOptions], loads: Mapping[str, Load], model: Model, machine: Machine) -> list[Cost]:
    """Each stage that takes something, in the recipe's order."""
    found: list[Cost] = []
    for name, stage in stages.items():
        load = loads.get(name)
        if load is None:
            continue
        kind = str(stage.kind_name())
        if isinstance(stage, RankStage):
            found.append(Cost(name, kind, load.rows, 0, 0.0, 0.0, load.rows * stage.settings.overlap * JUDGING))
        elif model.shape is None:
            found.append(Cost(name, kind, load.rows, None, None, None))
        else:
            needs = memory(stage, model.shape, machine, load)
            found.append(Cost(name, kind, load.rows, needs, *flops(stage, model.shape.parameters, load)))
    return found


def memory(stage: StageOptions, shape: ModelShape, machine: Machine, load: Load) -> int:
    """Bytes at the peak: as `posttrain plan` counts them, but for the longest row, which is taken as twice the mean."""
    if isinstance(stage, CandidatesStage):
        length = int(2 * load.prompt) + stage.max_new_tokens
        return 4 * shape.parameters + cache_bytes(shape, rows=stage.rollout_rows, length=length)
    assert isinstance(stage, TrainingStage)
    row = fitting_row(shape.config, stage, machine.device)
    total = sum(estimate(shape, stage, row_tokens=row, scored=stage.makes == "score").values())
    if isinstance(stage, OnPolicyStage):
        total += cache_bytes(shape, rows=stage.rollout_rows, length=int(2 * load.prompt) + stage.max_new_tokens)
        held = (stage.lora is None and stage.needs_reference) + scored(stage)
        total += 4 * shape.parameters * held
    return total
