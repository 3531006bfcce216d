"""Supervised fine-tuning on curated rows."""

from posttrain.objectives.sft import sft_objective
from posttrain.recipe.stages.sft import SFTStage
from posttrain.stages.technique import Technique
from posttrain.stages.training import curated
from posttrain.train.batches import shuffled


def _technique(stage: SFTStage, seed: int) -> Technique:
    """Cross-entropy on the tokens of one answer per prompt, or its variant DFT."""
    objective = sft_objective(stage)
    return Technique(task="causal", objective=objective, order=lambda prepared: shuffled(len(prepared.train), seed))


RUNNER = curated(_technique)
