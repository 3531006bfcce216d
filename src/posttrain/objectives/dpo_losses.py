"""The losses of preference pairs, one pure function each, in the table `LOSSES`.

With r = log π(y) - log π_ref(y), m = log π(y) / |y|, Δ = r_w - r_l, and w the chosen, l the rejected completion:

    sigmoid    -log σ(βΔ)                                   Rafailov et al. 2023, arXiv:2305.18290, eq. 7
    cDPO       -(1-ε) log σ(βΔ) - ε log σ(-βΔ)              Mitchell 2023, labels flipped with probability ε
    robust     [-(1-ε) log σ(βΔ) + ε log σ(-βΔ)] / (1-2ε)   Chowdhury et al. 2024, arXiv:2403.00409: rDPO
    ipo        (Δ / |y| - 1/(2β))²                          Azar et al. 2023, arXiv:2310.12036, eq. 17
    hinge      max(0, 1 - βΔ)                               SLiC, Zhao et al. 2023, arXiv:2305.10425, with log-ratios
                                                            in place of log-probs as in RSO, arXiv:2309.06657
    apo_zero   [1 - σ(β r_w)] + σ(β r_l)                    D'Oosterlinck et al. 2024, arXiv:2408.06266, eq. 7
    apo_down   σ(β r_w) + [1 - σ(βΔ)]                       the same, eq. 8
    simpo      -log σ(β (m_w - m_l) - γ)                    Meng et al. 2024, arXiv:2405.14734, eq. 6
    orpo       -m_w - β log σ(log-odds_w - log-odds_l)      Hong et al. 2024, arXiv:2403.07691, eq. 6 and 7, where
               with log-odds = m - log(1 - exp m)           the paper writes λ for our β

`apo_zero` fits chosen completions that are better than the model's own; `apo_down` fits chosen completions that are
worse. In IPO each r is divided by its number of tokens, as in its authors' code.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, relu

from posttrain.objectives.options import DPOOptions, LossName


@dataclass(frozen=True, slots=True)
class Sides:
    """A value of the chosen and of the rejected completion of each pair, both [P]."""

    chosen: Tensor
    rejected: Tensor

    @property
    def difference(self) -> Tensor:
        """The chosen completion's value minus the rejected one's, [P]."""
        return self.chosen - self.rejected


@dataclass(frozen=True, slots=True)
class PairValues:
    """What the losses read.

    Args:
        mean_logp: m, the mean log-prob of a completion's tokens.
        ratio: r, the log-ratio to the reference; its mean over tokens if the options say so. None without a reference.
        mean_ratio: the mean of r over a completion's tokens. None without a reference.
    """

    mean_logp: Sides
    ratio: Sides | None = None
    mean_ratio: Sides | None = None


PairLoss = Callable[[PairValues, DPOOptions], Tensor]
"""From the values of P pairs to their losses, [P]."""


def _known(sides: Sides | None) -> Sides:
    assert sides is not None, "the objective needs `ref_logp`"
    return sides


def _sigmoid(values: PairValues, options: DPOOptions) -> Tensor:
    delta_P, eps = _known(values.ratio).difference, options.label_smoothing
    return -(1.0 - eps) * logsigmoid(options.beta * delta_P) - eps * logsigmoid(-options.beta * delta_P)


def _robust(values: PairValues, options: DPOOptions) -> Tensor:
    logit_P, eps = options.beta * _known(values.ratio).difference, options.label_smoothing
    return (-(1.0 - eps) * logsigmoid(logit_P) + eps * logsigmoid(-logit_P)) / (1.0 - 2.0 * eps)


def _ipo(values: PairValues, options: DPOOptions) -> Tensor:
    return (_known(values.mean_ratio).difference - 1.0 / (2.0 * options.beta)).square()


def _hinge(values: PairValues, options: DPOOptions) -> Tensor:
    return relu(1.0 - options.beta * _known(values.ratio).difference)


def _apo_zero(values: PairValues, options: DPOOptions) -> Tensor:
    ratio = _known(values.ratio)
    return torch.sigmoid(-options.beta * ratio.chosen) + torch.sigmoid(options.beta * ratio.rejected)


def _apo_down(values: PairValues, options: DPOOptions) -> Tensor:
    ratio = _known(values.ratio)
    return torch.sigmoid(options.beta * ratio.chosen) + torch.sigmoid(-options.beta * ratio.difference)


def _simpo(values: PairValues, options: DPOOptions) -> Tensor:
    gamma = 0.5 * options.beta if options.gamma is None else options.gamma
    return -logsigmoid(options.beta * values.mean_logp.difference - gamma)


def _orpo(values: PairValues, options: DPOOptions) -> Tensor:
    odds = Sides(_log_odds(values.mean_logp.chosen), _log_odds(values.mean_logp.rejected))
    return -values.mean_logp.chosen - options.beta * logsigmoid(odds.difference)


def _log_odds(mean_logp: Tensor) -> Tensor:
    """log(p / (1 - p)) of the mean probability p; p is kept below 1, where the odds are infinite."""
    logp = mean_logp.clamp(max=-1e-6)
    return logp - torch.log(-torch.expm1(logp))


LOSSES: Mapping[LossName, PairLoss] = {
    "sigmoid": _sigmoid,
    "robust": _robust,
    "ipo": _ipo,
    "hinge": _hinge,
    "apo_zero": _apo_zero,
    "apo_down": _apo_down,
    "simpo": _simpo,
    "orpo": _orpo,
}
"""Name of a loss in a recipe → the function."""
