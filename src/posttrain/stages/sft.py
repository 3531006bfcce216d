"""Supervised fine-tuning on curated rows."""

from functools import partial
from typing import Literal

from pydantic import Field

from posttrain.stages.technique import Technique, TrainingStage


class SFTStage(TrainingStage):
    """SFT: input-output pairs; the quality of the rows decides."""

    kind: Literal["sft"]
    epochs: float = Field(default=2.0, gt=0, le=100_000, description="passes over the data")


def technique(stage: SFTStage, seed: int) -> Technique:
    """One completion a prompt, cross-entropy on the answers' tokens."""
    from posttrain.data.sets.split import part_of
    from posttrain.objectives.sft import SFT
    from posttrain.train.batches import shuffled

    share = stage.validation if isinstance(stage.validation, float) else 0.0
    return Technique(
        kind="sft",
        task="causal",
        objective=SFT,
        part_of=partial(part_of, seed=seed, validation=share, tasks=(), phrasings=()),
        order=lambda prepared: shuffled(len(prepared.train), seed),
    )
