"""The losses of a token, from its ratio ρ = π / π_old and its advantage A.

    clip       L = -min(ρ A, clip(ρ, 1 - ε_low, 1 + ε_high) A)        Schulman et al. 2017, arXiv:1707.06347, eq. 7
    dual clip  A < 0: L = -max(min(ρ A, clip(ρ) A), c A)              Ye et al. 2019, arXiv:1912.09729, eq. 5
    cispo      L = -sg(clip(ρ, 1 - ε_low, 1 + ε_high)) A log π        MiniMax 2025, arXiv:2506.13585, eq. 4 and 5
    sapo       L = -f(ρ) A, f(ρ) = 4/τ σ(τ (ρ - 1))                   Gao et al. 2025, arXiv:2511.20347, its soft gate
               τ = τ_pos if A > 0, else τ_neg

sg stops the gradient, so that CISPO's clip limits a token's weight but never removes its gradient. SAPO's gate has the
slope 1 at ρ = 1 and falls off smoothly on both sides; a larger τ_neg makes negative advantages fall off faster.
"""

import torch
from torch import Tensor

from posttrain.objectives.options import PolicyGradientOptions


def surrogate_loss(
    ratio_N: Tensor, logp_N: Tensor, advantage_N: Tensor, options: PolicyGradientOptions
) -> tuple[Tensor, Tensor | None]:
    """The loss of each token, and whether a clip changes its gradient; None if the loss has no clip."""
    if options.loss == "sapo":
        tau_N = torch.full_like(advantage_N, options.tau_neg).masked_fill(advantage_N > 0, options.tau_pos)
        return -(torch.sigmoid(tau_N * (ratio_N - 1.0)) * 4.0 / tau_N) * advantage_N, None
    clipped_N = ratio_N.clamp(1.0 - options.clip_low, 1.0 + options.clip_high)
    if options.loss == "cispo":
        return -clipped_N.detach() * advantage_N * logp_N, ratio_N != clipped_N
    loss_N = -torch.minimum(ratio_N * advantage_N, clipped_N * advantage_N)
    bound_N = (ratio_N != clipped_N) & (clipped_N * advantage_N < ratio_N * advantage_N)
    if options.dual_clip is not None:
        negative_N = advantage_N < 0
        loss_N = torch.where(negative_N, torch.minimum(loss_N, -options.dual_clip * advantage_N), loss_N)
        bound_N = bound_N | (negative_N & (ratio_N > options.dual_clip))
    return loss_N, bound_N
