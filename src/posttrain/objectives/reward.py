"""Reward model: Bradley-Terry likelihood of a ranking's pairs.

    L = -(1/G) Σ_g 1/|pairs(g)| Σ_{(w,l)} log σ(r_w - r_l)

Bradley & Terry 1952; Ouyang et al. 2022, arXiv:2203.02155, eq. 1. A tie that is kept counts half a win for each side:
-½ log σ(r_a - r_b) - ½ log σ(r_b - r_a).
"""

from functools import partial

from torch.nn.functional import logsigmoid

from posttrain.core.outputs import Loss, Objective, Outputs
from posttrain.core.packing import Batch
from posttrain.objectives.options import BradleyTerryOptions
from posttrain.objectives.pairs import pairs_of


def reward_loss(outputs: Outputs, batch: Batch, options: BradleyTerryOptions) -> Loss:
    """The summed Bradley-Terry loss. A group whose pairs are all excluded ties adds nothing."""
    assert outputs.score_C is not None
    score = outputs.score_C
    pairs = pairs_of(batch.columns["rank"], batch.group_C, ties=options.ties == "half")
    margin = score[pairs.winner_P] - score[pairs.loser_P]
    likelihood = logsigmoid(margin)
    likelihood = likelihood.where(~pairs.tied_P, 0.5 * (likelihood + logsigmoid(-margin)))
    total = -(pairs.weight_P * likelihood).sum()
    clear = margin.detach()[~pairs.tied_P]
    return Loss(
        total,
        {
            "loss": (total.detach(), len(batch.names)),
            "accuracy": ((clear > 0).sum() + 0.5 * (clear == 0).sum(), len(clear)),
            "margin": (clear.sum(), len(clear)),
            "reward": (score.detach().sum(), len(score)),
        },
    )


def reward_objective(options: BradleyTerryOptions) -> Objective:
    """The objective of the reward stage."""
    loss = partial(reward_loss, options=options)
    return Objective(loss, wants=frozenset({"score"}), needs=frozenset({"rank"}), unit="group")
