"""Direct preference optimisation and its variants.

    Δ = [log π(y_w) - log π_ref(y_w)] - [log π(y_l) - log π_ref(y_l)]

    sigmoid  -log σ(βΔ)                            Rafailov et al. 2023, arXiv:2305.18290, eq. 7
    cDPO     -(1-ε) log σ(βΔ) - ε log σ(-βΔ)       Mitchell 2023, labels flipped with probability ε
    ipo      (Δ - 1/(2β))²                         Azar et al. 2023, arXiv:2310.12036, eq. 17
    + SFT    + λ · (-log π(y_w) / |y_w|)           Pang et al. 2024, arXiv:2404.19733, eq. 1

With `length_normalized`, each log-ratio is divided by its number of tokens. IPO always does this, as in its authors'
code. A ranking of more than two gives all its pairs, and every group has weight 1.
"""

from functools import partial

import torch
from torch.nn.functional import logsigmoid

from posttrain.core.outputs import Loss, Objective, Outputs, sum_by
from posttrain.core.packing import Batch
from posttrain.objectives.options import DPOOptions
from posttrain.objectives.pairs import pairs_of


def dpo_loss(outputs: Outputs, batch: Batch, options: DPOOptions) -> Loss:
    """Summed DPO loss over the batch's groups.

    Needs the columns ``rank`` (per completion) and ``ref_logp`` (per loss token).
    """
    assert outputs.logp_N is not None
    n_completions = len(batch.group_C)
    logp_C = sum_by(outputs.logp_N, batch.completion_N, n_completions)
    ref_C = sum_by(batch.columns["ref_logp"], batch.completion_N, n_completions)
    length_C = torch.bincount(batch.completion_N, minlength=n_completions).clamp(min=1)
    ratio_C = logp_C - ref_C
    scaled_C = ratio_C / length_C if options.length_normalized or options.loss == "ipo" else ratio_C

    pairs = pairs_of(batch.columns["rank"], batch.group_C)
    w, l = pairs.winner_P, pairs.loser_P  # noqa: E741 (the papers' names)
    delta_P = scaled_C[w] - scaled_C[l]
    if options.loss == "ipo":
        loss_P = (delta_P - 1.0 / (2.0 * options.beta)).square()
    else:
        eps = options.label_smoothing
        loss_P = -(1.0 - eps) * logsigmoid(options.beta * delta_P) - eps * logsigmoid(-options.beta * delta_P)
    loss_P = loss_P - options.sft_weight * logp_C[w] / length_C[w]
    total = (pairs.weight_P * loss_P).sum()

    reward_C = options.beta * ratio_C.detach()
    margin_P = reward_C[w] - reward_C[l]
    n = len(margin_P)
    return Loss(
        total,
        {
            "loss": (total.detach(), len(batch.names)),
            "rewards/chosen": (reward_C[w].sum(), n),
            "rewards/rejected": (reward_C[l].sum(), n),
            "rewards/margins": (margin_P.sum(), n),
            "rewards/accuracies": ((margin_P > 0).sum(), n),
            "logps/chosen": (logp_C.detach()[w].sum(), n),
            "logps/rejected": (logp_C.detach()[l].sum(), n),
        },
    )


def dpo_objective(options: DPOOptions) -> Objective:
    """The objective of the DPO stage."""
    loss = partial(dpo_loss, options=options)
    needs = frozenset({"rank", "ref_logp"})
    return Objective(loss, wants=frozenset({"logp"}), needs=needs, unit="group")
