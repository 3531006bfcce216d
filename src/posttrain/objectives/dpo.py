"""Direct preference optimisation and its variants, on the pairs of each group.

    L = Σ_k weight_k · loss_k + λ · (-log π(y_w) / |y_w|)

`dpo_losses` holds the losses. A weighted sum of several is mixed preference optimisation (MPO, Wang et al. 2024,
arXiv:2411.10442, section 3.2), and the last term is that of Pang et al. 2024, arXiv:2404.19733, eq. 1.

With `length_normalized`, each log-ratio is divided by its number of tokens. A ranking of more than two gives all its
pairs, and every group has weight 1. The rewards in the metrics are β log(π/π_ref), or β log π / |y| without a
reference.
"""

from functools import partial

import torch
from torch import Tensor

from posttrain.core.outputs import Loss, Objective, Outputs, sum_by
from posttrain.core.packing import Batch
from posttrain.objectives.dpo_losses import LOSSES, PairValues, Sides
from posttrain.objectives.options import DPOOptions
from posttrain.objectives.pairs import pairs_of


def dpo_loss(outputs: Outputs, batch: Batch, options: DPOOptions) -> Loss:
    """Summed DPO loss over the batch's groups.

    Needs the column ``rank`` (per completion), and ``ref_logp`` (per loss token) unless all losses are reference-free.
    """
    assert outputs.logp_N is not None
    n_completions = len(batch.group_C)
    logp_C = sum_by(outputs.logp_N, batch.completion_N, n_completions)
    length_C = torch.bincount(batch.completion_N, minlength=n_completions).clamp(min=1)
    pairs = pairs_of(batch.columns["rank"], batch.group_C)
    w, l = pairs.winner_P, pairs.loser_P  # noqa: E741 (the papers' names)

    def sides(value_C: Tensor) -> Sides:
        return Sides(value_C[w], value_C[l])

    if options.needs_reference:
        ratio_C = logp_C - sum_by(batch.columns["ref_logp"], batch.completion_N, n_completions)
        scaled_C = ratio_C / length_C if options.length_normalized else ratio_C
        values = PairValues(sides(logp_C / length_C), sides(scaled_C), sides(ratio_C / length_C))
    else:
        ratio_C = logp_C / length_C
        values = PairValues(sides(ratio_C))
    losses = [weight * LOSSES[name](values, options) for name, weight in options.loss_weights.items()]
    loss_P = torch.stack(losses).sum(0) - options.sft_weight * logp_C[w] / length_C[w]
    total = (pairs.weight_P * loss_P).sum()

    reward = sides(options.beta * ratio_C.detach())
    margin_P = reward.difference
    n = len(margin_P)
    return Loss(
        total,
        {
            "loss": (total.detach(), len(batch.names)),
            "rewards/chosen": (reward.chosen.sum(), n),
            "rewards/rejected": (reward.rejected.sum(), n),
            "rewards/margins": (margin_P.sum(), n),
            "rewards/accuracies": ((margin_P > 0).sum(), n),
            "logps/chosen": (logp_C.detach()[w].sum(), n),
            "logps/rejected": (logp_C.detach()[l].sum(), n),
        },
    )


def dpo_objective(options: DPOOptions) -> Objective:
    """The objective of the DPO stage."""
    loss = partial(dpo_loss, options=options)
    needs = frozenset({"rank", "ref_logp"} if options.needs_reference else {"rank"})
    return Objective(loss, wants=frozenset({"logp"}), needs=needs, unit="group")
