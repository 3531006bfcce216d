"""AdamW, its learning rates (LoRA+), and the learning-rate schedules.

With W warm-up steps, S steps in all and the last D of them for a decay, step s (from 0) has this share of the peak:

    all       (s + 1) / W                        for s < W: the warm-up
    constant  1
    linear    1 - x                              x = (s - W) / (S - W)
    cosine    (1 + cos(πx)) / 2                  Loshchilov & Hutter 2016, arXiv:1608.03983, eq. 5, without restarts
    wsd       1 up to S - D, then 1 - x          x = (s - S + D) / D; warmup-stable-decay, Hu et al. 2024,
                                                 arXiv:2404.06395, section 4.2, with the linear decay of Hägele et al.
                                                 2024, arXiv:2405.18392, section 3

With a minimum rate m, a share f that falls becomes m + (1 - m) f.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch

from posttrain.policy.load import Policy
from posttrain.policy.shard import Parameters, shard_names
from posttrain.ranks.exchange import gathered
from posttrain.train.adamw8bit import adamw8bit, moments_of, set_moments

Schedule = Literal["cosine", "linear", "constant", "wsd"]
Kind = Literal["adamw", "adamw8bit"]

_FACTOR = "rate_factor"
"""The key of a parameter group's factor of the learning rate."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What training changes.

    Args:
        policy: the model.
        parameters: the trained parameters by name, as this rank holds them (`policy.shard.local_parameters`).
        optimizer: the optimiser of these parameters.
    """

    policy: Policy
    parameters: Parameters
    optimizer: torch.optim.Optimizer


def adamw(
    parameters: Iterable[tuple[str, torch.nn.Parameter]],
    *,
    kind: Kind = "adamw",
    learning_rate: float,
    weight_decay: float,
    betas: tuple[float, float],
    epsilon: float,
    plus_ratio: float = 1.0,
) -> torch.optim.Optimizer:
    """Fused AdamW (Loshchilov & Hutter 2017, arXiv:1711.05101), without weight decay of biases and norms.

    Args:
        kind: "adamw8bit" keeps the moments in 8 bits.
        plus_ratio: LoRA+ (Hayou et al. 2024, arXiv:2402.12354, its ratio λ): the learning rate of the B matrices of
            adapters, as a multiple of that of all other weights.
    """
    named = [(name, p) for name, p in parameters if p.requires_grad]
    faster = [p for name, p in named if plus_ratio != 1.0 and _is_b(name)]
    fast = {id(p) for p in faster}
    trained = [p for _, p in named if id(p) not in fast]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": weight_decay, _FACTOR: 1.0},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0, _FACTOR: 1.0},
        {"params": faster, "weight_decay": weight_decay, _FACTOR: plus_ratio},
    ]
    groups = [group for group in groups if group["params"]]
    if kind == "adamw8bit":
        return adamw8bit(groups, learning_rate=learning_rate, betas=betas, epsilon=epsilon)
    return torch.optim.AdamW(groups, lr=learning_rate, betas=betas, eps=epsilon, fused=True)


def state_of(optimizer: torch.optim.Optimizer, parameter: torch.nn.Parameter) -> Mapping[str, torch.Tensor]:
    """The tensors of a parameter's state, for a checkpoint."""
    is_fused = isinstance(optimizer, torch.optim.AdamW)
    return optimizer.state[parameter] if is_fused else moments_of(optimizer, parameter)


def set_state(
    optimizer: torch.optim.Optimizer, parameter: torch.nn.Parameter, saved: Mapping[str, torch.Tensor]
) -> None:
    """Give a parameter the state that `state_of` returned."""
    if isinstance(optimizer, torch.optim.AdamW):
        optimizer.state[parameter] = {key: value.to(parameter.device) for key, value in saved.items()}
    else:
        set_moments(optimizer, parameter, saved)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of the next step; each parameter group has its own factor of it."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group[_FACTOR]


def rate_at(
    step: int,
    total: int,
    *,
    peak: float,
    warmup: float,
    schedule: Schedule,
    decay: float = 0.1,
    min_rate: float = 0.0,
) -> float:
    """The learning rate of step `step` (from 0) of `total`: a linear warm-up, then the schedule.

    Args:
        peak: the learning rate at the end of the warm-up.
        warmup: the share of the steps that the warm-up takes, 0 to 1.
        schedule: "constant" stays at the peak; see the module for the others.
        decay: the share of the steps that the decay of "wsd" takes.
        min_rate: the share of the peak that the schedule falls to.
    """
    rising = math.ceil(warmup * total)
    if step < rising:
        return peak * (step + 1) / rising
    if schedule == "constant":
        return peak
    start = max(rising, total - math.ceil(decay * total)) if schedule == "wsd" else rising
    done = max(0, step - start) / max(1, total - start)
    share = 0.5 * (1.0 + math.cos(math.pi * done)) if schedule == "cosine" else 1.0 - done
    return peak * (min_rate + (1.0 - min_rate) * share)


def clip_gradients(policy: Policy, parameters: Parameters, most: float) -> float:
    """Scale the gradients so that their norm over all parameters is at most `most`; returns the norm before.

    Args:
        parameters: the trained parameters by name, as this rank holds them.
    """
    if policy.shards is None:
        return float(torch.nn.utils.clip_grad_norm_(parameters.values(), most))
    shards = shard_names(policy)
    squares = [0.0, 0.0]  # of what every rank has, and of what only this one has
    for name, parameter in parameters.items():
        if parameter.grad is not None:
            squares[name in shards] += float(parameter.grad.double().square().sum())
    norm = (squares[0] + sum(gathered(squares[1])) / policy.shards.copies) ** 0.5
    torch.nn.utils.clip_grads_with_norm_(parameters.values(), most, torch.tensor(norm))
    return norm


def _is_b(name: str) -> bool:
    return ".lora_B." in name or ".lora_embedding_B." in name
