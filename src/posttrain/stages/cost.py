"""Estimates of a stage's memory, and of its time and disk space to the order of magnitude."""

from collections.abc import Mapping
from dataclasses import dataclass

from posttrain.policy.device import place
from posttrain.policy.memory import adapter_parameters, estimate
from posttrain.policy.shape import ModelShape
from posttrain.recipe.stages.base import StageOptions, TrainingStage
from posttrain.recipe.stages.candidates import CandidatesStage
from posttrain.recipe.stages.dpo import DPOStage
from posttrain.recipe.stages.kto import KTOStage
from posttrain.recipe.stages.on_policy import OnPolicyStage
from posttrain.recipe.stages.ppo import PPOStage
from posttrain.stages.context import Ranks
from posttrain.train.optimizer import Kind

SHARES: Mapping[str, tuple[float, float]] = {"cpu": (0.4, 0.1), "cuda": (0.2, 0.01)}
"""Device → (share of its matrix-product speed that training reaches, share that generation reaches). Memory bandwidth
limits generation."""

MOMENTS: Mapping[Kind, float] = {"adamw": 8.0, "adamw8bit": 2.0 + 8.0 / 256}
"""Optimiser → bytes of the moments of a trained value; in 8 bits, two scales in float32 for each block of 256 too."""

_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True, slots=True)
class Load:
    """The size of a stage's data.

    Args:
        rows: number of training rows, or of prompts.
        prompt: mean tokens of a row's prompt.
        answer: mean tokens of all completions of a row.
    """

    rows: int
    prompt: float
    answer: float


def flops(stage: StageOptions, parameters: int, load: Load) -> tuple[float, float]:
    """FLOPs of training and of generation.

    A weight costs 2 FLOPs per token in the forward pass, and 4 in the backward pass (2 if only adapters get gradients).
    The reference, value and reward model each add a forward pass. The estimate assumes that completions have half of
    their maximum length.
    """
    if isinstance(stage, CandidatesStage):
        return 0.0, load.rows * stage.k * stage.max_new_tokens * parameters
    assert isinstance(stage, TrainingStage)
    learnt = 4.0 if stage.lora is not None else 6.0
    if not isinstance(stage, OnPolicyStage):
        tokens = load.rows * (load.prompt + load.answer)
        if isinstance(stage, KTOStage):  # mismatched completions: the reference once, the KL estimate in each epoch
            return tokens * parameters * (stage.epochs * (learnt + 2.0) + 4.0), 0.0
        reference = 2.0 if isinstance(stage, DPOStage) and stage.needs_reference else 0.0
        return tokens * parameters * (stage.epochs * learnt + reference), 0.0
    written = load.rows * stage.epochs * stage.num_generations * stage.max_new_tokens / 2
    read = load.rows * stage.epochs * load.prompt + written
    reference = stage.needs_reference and stage.reference_server is None
    forwards = reference + isinstance(stage, PPOStage) + has_reward_model(stage)
    return read * parameters * (stage.inner_epochs * learnt + 2.0 * forwards), 2.0 * written * parameters


def memory_of_rank(shape: ModelShape, stage: TrainingStage, ranks: Ranks, *, scored: bool) -> dict[str, int]:
    """Bytes by purpose that one rank needs at the peak; see `estimate`."""
    shards = {"shard": ranks.total, "hybrid": ranks.here}.get(stage.parallel, 1)
    placement = place(stage)
    return estimate(
        shape,
        stage,
        row_tokens=stage.row_tokens,
        scored=scored,
        shards=shards,
        narrow=placement.autocast is not None,
        moments=MOMENTS[stage.optimizer],
        device=placement.device,
    )


def has_reward_model(stage: OnPolicyStage) -> bool:
    """Whether a stage needs a reward model in memory."""
    return any(reward.kind == "model" for reward in stage.rewards.values())


def seconds(work: tuple[float, float], speed: float, device: str) -> float:
    """The seconds that `work`, the result of `flops`, takes on a device with `speed` FLOP/s."""
    training, writing = SHARES["cuda" if device.startswith("cuda") else "cpu"]
    return (work[0] / training + work[1] / writing) / speed


def disk_bytes(stage: TrainingStage, shape: ModelShape, tokens: int) -> int:
    """The bytes of a stage's folder: the model, the checkpoints (float32 weights, and moments), and the tokens."""
    lora = stage.lora
    trained = shape.parameters if lora is None else adapter_parameters(shape, lora)
    if lora is None or lora.earlier == "merge":
        saved = shape.parameters * _BYTES[stage.save_dtype]
    else:
        saved = 4 * trained * (1 if lora.start == "default" else 2)
    best = 4 * trained if stage.patience is not None else 0
    checkpoint = int((4 + MOMENTS[stage.optimizer]) * trained)
    return saved + checkpoint * stage.keep_checkpoints + best + 5 * tokens
