"""Supervised fine-tuning on curated rows."""

from posttrain.objectives.sft import SFT
from posttrain.recipe.stages.sft import SFTStage
from posttrain.stages.technique import Technique
from posttrain.stages.training import curated
from posttrain.train.batches import shuffled


def _technique(stage: SFTStage, seed: int) -> Technique:
    """The SFT objective: cross-entropy on the tokens of one answer per prompt."""
    return Technique(task="causal", objective=SFT, order=lambda prepared: shuffled(len(prepared.train), seed))


RUNNER = curated(_technique)
