"""Memory and time of each stage of a recipe, by order of magnitude."""

from collections.abc import Mapping
from dataclasses import dataclass

from posttrain.advise.machine import Machine, Model
from posttrain.policy.memory import cache_bytes, estimate, fitting_row
from posttrain.policy.outline import Outline
from posttrain.stages.candidates import CandidatesStage
from posttrain.stages.kinds import Stage
from posttrain.stages.on_policy import OnPolicyStage
from posttrain.stages.ppo import PPOStage
from posttrain.stages.rank import RankStage
from posttrain.stages.technique import TrainingStage

SHARES: Mapping[str, tuple[float, float]] = {"cpu": (0.4, 0.1), "cuda": (0.2, 0.01)}
"""Device → share of its speed of matrix products that a training step reaches, all in all, and that writing reaches:
its products are thin, and memory decides."""

JUDGING = 60.0
"""Seconds that a person takes to order four candidates."""

H100 = 4e14
"""FLOP/s of bfloat16 products of one H100, for comparison."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a stage has to read.

    Args:
        rows: to train on, or prompts.
        prompt, answer: tokens of a mean row; `answer` of all its completions.
    """

    rows: int
    prompt: float
    answer: float


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
        shares = SHARES[device]
        return (self.training / shares[0] + self.writing / shares[1]) / speed


def costs(stages: Mapping[str, Stage], loads: Mapping[str, Load], model: Model, machine: Machine) -> list[Cost]:
    """Each stage that takes something, in the recipe's order."""
    found: list[Cost] = []
    for name, stage in stages.items():
        load = loads.get(name)
        if load is None:
            continue
        if isinstance(stage, RankStage):
            found.append(Cost(name, stage.kind, load.rows, 0, 0.0, 0.0, load.rows * stage.settings.overlap * JUDGING))
        elif model.shape is None:
            found.append(Cost(name, stage.kind, load.rows, None, None, None))
        else:
            needs = memory(stage, model.shape, machine, load)
            found.append(Cost(name, stage.kind, load.rows, needs, *flops(stage, model.shape.parameters, load)))
    return found


def memory(stage: Stage, shape: Outline, machine: Machine, load: Load) -> int:
    """Bytes at the peak: as `posttrain plan` counts them, but for the longest row, which is taken as twice the mean."""
    if isinstance(stage, CandidatesStage):
        length = int(2 * load.prompt) + stage.max_new_tokens
        return 4 * shape.parameters + cache_bytes(shape, rows=stage.rollout_rows, length=length)
    assert isinstance(stage, TrainingStage)
    row = fitting_row(shape.config, stage, machine.device)
    total = sum(estimate(shape, stage, row_tokens=row, scored=stage.kind == "reward").values())
    if isinstance(stage, OnPolicyStage):
        total += cache_bytes(shape, rows=stage.rollout_rows, length=int(2 * load.prompt) + stage.max_new_tokens)
        held = (stage.lora is None and stage.held) + _scored(stage)
        total += 4 * shape.parameters * held
    return total


def flops(stage: Stage, parameters: int, load: Load) -> tuple[float, float]:
    """Of training, and of writing: 2 a weight and token forward, 4 more backward (2 where only adapters get gradients).

    Reference, value and reward model are forwards of their own; completions are taken to be half as long as allowed.
    """
    if isinstance(stage, CandidatesStage):
        return 0.0, load.rows * stage.k * stage.max_new_tokens * parameters
    assert isinstance(stage, TrainingStage)
    learnt = 4.0 if stage.lora is not None else 6.0
    if not isinstance(stage, OnPolicyStage):
        reference = 2.0 if stage.kind == "dpo" else 0.0
        tokens = load.rows * (load.prompt + load.answer)
        return tokens * parameters * (stage.epochs * learnt + reference), 0.0
    written = load.rows * stage.epochs * stage.num_generations * stage.max_new_tokens / 2
    read = load.rows * stage.epochs * load.prompt + written
    forwards = stage.held + isinstance(stage, PPOStage) + _scored(stage)
    return read * parameters * (stage.inner_epochs * learnt + 2.0 * forwards), 2.0 * written * parameters


def _scored(stage: OnPolicyStage) -> bool:
    """Whether a reward model is held beside the policy."""
    return any(reward.kind == "model" for reward in stage.rewards.values())
