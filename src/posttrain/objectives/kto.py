"""Kahneman-Tversky optimisation: the loss of single completions that are labelled desirable or undesirable.

    r = log π(y|x) - log π_ref(y|x)
    z_0 = max(0, mean over the step of log π(y'|x) - log π_ref(y'|x))      y' belongs to another prompt
    v = λ_D σ(β (r - z_0)) if y is desirable, λ_U σ(β (z_0 - r)) if it is not
    L = mean of λ_y - v

Ethayarajh et al. 2024, arXiv:2402.01306, eq. 7. z_0 estimates KL(π ‖ π_ref) and has no gradient; it is computed
over the whole step (`train/baseline.py`). The paper takes y' from the same micro-batch. Here y' is chosen when the data
are prepared (`data/sets/mismatched.py`), so that its reference log-probs are computed once.
"""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor

from posttrain.core.outputs import Baseline, Loss, Objective, Outputs, sum_by
from posttrain.core.packing import Batch
from posttrain.objectives.options import KTOOptions

LABEL = "label"
"""The column of labels: 1 is desirable, 0 is undesirable."""

MISMATCHED = "mismatched"
"""The column that is 1 for a completion that belongs to another prompt."""

KL = "kl"
"""The column of z_0."""


def kto_loss(outputs: Outputs, batch: Batch, options: KTOOptions) -> Loss:
    """The summed loss.

    Needs the columns ``label`` and ``kl`` (per completion), and ``ref_logp`` (per loss token).
    """
    assert outputs.logp_N is not None
    count = len(batch.group_C)
    logp_C = sum_by(outputs.logp_N, batch.completion_N, count)
    ratio_C = logp_C - sum_by(batch.columns["ref_logp"], batch.completion_N, count)
    kl_C, desirable_C = batch.columns[KL], batch.columns[LABEL] == 1
    sign_C = torch.where(desirable_C, 1.0, -1.0)
    weight_C = torch.where(desirable_C, options.desirable_weight, options.undesirable_weight)
    # λ - λ σ(x) = λ σ(-x), which is exact for large x
    total = (weight_C * torch.sigmoid(-options.beta * sign_C * (ratio_C - kl_C))).sum()

    reward_C, logp_C = options.beta * ratio_C.detach(), logp_C.detach()
    metrics: dict[str, tuple[Tensor | float, Tensor | float]] = {
        "loss": (total.detach(), count),
        "kl": (kl_C.sum(), count),
    }
    for name, of_side in (("chosen", desirable_C), ("rejected", ~desirable_C)):
        metrics[f"rewards/{name}"] = (reward_C[of_side].sum(), of_side.sum())
        metrics[f"logps/{name}"] = (logp_C[of_side].sum(), of_side.sum())
    return Loss(total, metrics)


def _log_ratio(logp_N: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
    """log π(y'|x) - log π_ref(y'|x) of a mismatched completion."""
    return (logp_N - columns["ref_logp"]).sum()


def kto_objective(options: KTOOptions) -> Objective:
    """The objective of the KTO stage. Each group has a labelled completion and a mismatched one."""
    return Objective(
        partial(kto_loss, options=options),
        wants=frozenset({"logp"}),
        needs=frozenset({LABEL, MISMATCHED, "ref_logp"}),
        unit="completion",
        baseline=Baseline(MISMATCHED, KL, _log_ratio, lowest=0.0),
        differences={"rewards/margins": ("rewards/chosen", "rewards/rejected")},
    )
