"""Direct preference optimisation on pairs or rankings, with the start model as the reference."""

from posttrain.objectives.dpo import dpo_objective
from posttrain.recipe.stages.dpo import DPOStage
from posttrain.stages.technique import Technique
from posttrain.stages.training import curated
from posttrain.train.batches import shuffled


def _technique(stage: DPOStage, seed: int) -> Technique:
    """DPO's objective on groups of two or more completions. The reference is the model before the first step."""
    return Technique(
        task="causal", objective=dpo_objective(stage), order=lambda prepared: shuffled(len(prepared.train), seed)
    )


RUNNER = curated(_technique)
