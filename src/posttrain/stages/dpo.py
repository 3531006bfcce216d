"""Direct preference optimisation on pairs or rankings, held near the model it starts from."""

from functools import partial
from typing import Literal

from pydantic import Field

from posttrain.stages.technique import Technique, TrainingStage


class DPOStage(TrainingStage):
    """DPO: preference pairs, one stage, no reward model."""

    kind: Literal["dpo"]
    learning_rate: float = Field(
        default=1e-6, gt=0, lt=1, description="peak; well below SFT's, since every pair pushes twice"
    )
    beta: float = Field(default=0.1, gt=0, description="how strongly the policy is held near the model it starts from")
    loss: Literal["sigmoid", "ipo"] = Field(default="sigmoid", description="link: DPO's own, or IPO's square")
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=0.5, description="cDPO: share of preferences thought to be wrong"
    )
    length_normalized: bool = Field(default=False, description="log-ratios per token instead of per completion")
    sft_weight: float = Field(default=0.0, ge=0, description="weight of an SFT term on the chosen completions")


def technique(stage: DPOStage, seed: int) -> Technique:
    """Two or more completions a prompt; the reference is the model before the first step."""
    from posttrain.data.sets.split import part_of
    from posttrain.objectives.dpo import DPO, dpo_objective
    from posttrain.train.batches import shuffled

    share = stage.validation if isinstance(stage.validation, float) else 0.0
    variant = DPO(stage.beta, stage.loss, stage.label_smoothing, stage.length_normalized, stage.sft_weight)
    return Technique(
        kind="preference",
        task="causal",
        objective=dpo_objective(variant),
        part_of=partial(part_of, seed=seed, validation=share, tasks=(), phrasings=()),
        order=lambda prepared: shuffled(len(prepared.train), seed),
    )
