"""The clipped policy gradient that PPO and GRPO share. They differ in their advantages.

    ρ_n = π(y_n) / π_old(y_n)
    L = -min(ρ_n A_n, clip(ρ_n, 1 - ε_low, 1 + ε_high) A_n) + β k3_n       Schulman et al. 2017, arXiv:1707.06347, eq. 7
                                                                           Shao et al. 2024, arXiv:2402.03300, eq. 3
    + c_V ½ max((V_n - R_n)², (clip(V_n, V_old ± ε_V) - R_n)²)             the value has its own clip

Options, each with its paper (`surrogates` has the losses cispo, sapo and the dual clip):

    clip_high > clip_low       DAPO's clip-higher, Yu et al. 2025, arXiv:2503.14476, section 3.1
    ratio "sequence"           GSPO, Zheng et al. 2025, arXiv:2507.18071, eq. 5: ρ is the geometric mean over the
                               completion's tokens, and every token of it carries it
    average "completion"       GRPO: mean over a completion's tokens, then over completions
    average "token"            DAPO: mean over all tokens of the step, so that a long answer's tokens weigh as much
    average "constant"         Dr. GRPO, arXiv:2503.20783: sum over tokens by a constant, no bias to long wrong ones
"""

from functools import partial

import torch
from torch import Tensor

from posttrain.core.outputs import Loss, Objective, Outputs, Unit, Want, sum_by
from posttrain.core.packing import Batch
from posttrain.objectives.kl import kl_estimate
from posttrain.objectives.options import PolicyGradientOptions, ValueOptions
from posttrain.objectives.surrogates import surrogate_loss


def policy_gradient_loss(
    outputs: Outputs,
    batch: Batch,
    options: PolicyGradientOptions,
    *,
    kl_weight: float = 0.0,
    value: ValueOptions | None = None,
    length: int = 1,
    corrected: bool = False,
) -> Loss:
    """The summed loss.

    Args:
        kl_weight: β, the weight of the KL term (k3 with ``ref_logp``). A KL penalty in the reward is part of the
            advantage instead.
        value: the options of the value loss; None for no value head.
        length: the constant by which the "constant" average divides a completion's sum.
        corrected: whether the column ``importance`` corrects for another generation engine (`rollouts.importance`).

    The batch needs the columns ``advantage`` and ``old_logp``, ``ref_logp`` if β > 0, and ``value`` and ``return`` if
    there is a value head. All have one value per loss token.
    """
    assert outputs.logp_N is not None
    logp_N, advantage_N = outputs.logp_N, batch.columns["advantage"]
    apart_N = logp_N - batch.columns["old_logp"]
    ratio_N = (_over_sequence(apart_N, batch) if options.ratio == "sequence" else apart_N).exp()
    loss_N, bound_N = surrogate_loss(ratio_N, logp_N, advantage_N, options)
    if corrected:
        loss_N = loss_N * batch.columns["importance"]

    n = len(logp_N)
    moved_N = apart_N.detach()
    metrics: dict[str, tuple[Tensor | float, Tensor | float]] = {
        **({} if bound_N is None else {"clip_ratio": (bound_N.sum(), n)}),
        "ratio": (ratio_N.detach().sum(), n),
        "approx_kl": ((moved_N.exp() - 1.0 - moved_N).sum(), n),
    }
    if kl_weight:
        kl_N = kl_estimate(logp_N, batch.columns["ref_logp"])
        loss_N = loss_N + kl_weight * kl_N
        metrics["kl_loss"] = (kl_N.detach().sum(), n)
    if options.entropy_weight:
        assert outputs.entropy_N is not None
        loss_N = loss_N - options.entropy_weight * outputs.entropy_N
    if value is not None:
        value_N = _value_loss(outputs, batch, value.value_clip)
        loss_N = loss_N + value.value_weight * value_N
        metrics["value_loss"] = (value_N.detach().sum(), n)
    total = (loss_N * _weight(batch, options.average, length)).sum()
    return Loss(total, {"loss": (total.detach(), batch.counts[_unit(options)]), **metrics})


def _over_sequence(apart_N: Tensor, batch: Batch) -> Tensor:
    """The mean log-ratio of a token's completion, for each token."""
    count = len(batch.group_C)
    length_C = torch.bincount(batch.completion_N, minlength=count).clamp(min=1)
    return (sum_by(apart_N, batch.completion_N, count) / length_C)[batch.completion_N]


def _value_loss(outputs: Outputs, batch: Batch, clip: float) -> Tensor:
    assert outputs.value_N is not None
    old_N, return_N = batch.columns["value"], batch.columns["return"]
    near_N = old_N + (outputs.value_N - old_N).clamp(-clip, clip)
    return 0.5 * torch.maximum((outputs.value_N - return_N).square(), (near_N - return_N).square())


def _weight(batch: Batch, average: str, length: int) -> Tensor:
    """The factor of each token's loss. The loop then divides the sum by the number of units."""
    if average == "token":
        return torch.ones(len(batch.completion_N), device=batch.completion_N.device)
    if average == "constant":
        return torch.full((len(batch.completion_N),), 1.0 / length, device=batch.completion_N.device)
    length_C = torch.bincount(batch.completion_N, minlength=len(batch.group_C)).clamp(min=1)
    return 1.0 / length_C[batch.completion_N]


def _unit(options: PolicyGradientOptions) -> Unit:
    return "token" if options.average == "token" else "completion"


def policy_gradient_objective(
    options: PolicyGradientOptions,
    *,
    kl_weight: float = 0.0,
    value: ValueOptions | None = None,
    length: int = 1,
    corrected: bool = False,
    temperature: float = 1.0,
) -> Objective:
    """The objective of the PPO and GRPO stages; see `policy_gradient_loss`. `temperature` is that of sampling."""
    wants: set[Want] = {"logp"}
    needs = {"advantage", "old_logp"}
    if kl_weight:
        needs.add("ref_logp")
    if corrected:
        needs.add("importance")
    if value is not None:
        wants.add("value")
        needs |= {"value", "return"}
    if options.entropy_weight:
        wants.add("entropy")
    loss = partial(
        policy_gradient_loss, options=options, kl_weight=kl_weight, value=value, length=length, corrected=corrected
    )
    return Objective(loss, wants=frozenset(wants), needs=frozenset(needs), unit=_unit(options), temperature=temperature)
