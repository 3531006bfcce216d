"""AdamW and the learning-rate schedules."""

import math
from collections.abc import Iterable
from typing import Literal

import torch

Schedule = Literal["cosine", "linear", "constant"]


def adamw(
    parameters: Iterable[tuple[str, torch.nn.Parameter]],
    *,
    learning_rate: float,
    weight_decay: float,
    betas: tuple[float, float],
    epsilon: float,
) -> torch.optim.AdamW:
    """Fused AdamW (Loshchilov & Hutter 2017, arXiv:1711.05101), without weight decay of biases and norms."""
    trained = [p for _, p in parameters if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=betas, eps=epsilon, fused=True)


def rate_at(step: int, total: int, *, peak: float, warmup: float, schedule: Schedule) -> float:
    """The learning rate of step `step` (from 0) of `total`: a linear warm-up, then the schedule down to 0.

    Args:
        peak: the learning rate at the end of the warm-up.
        warmup: the share of the steps that the warm-up takes, 0 to 1.
        schedule: "constant" stays at the peak.
    """
    rising = math.ceil(warmup * total)
    if step < rising:
        return peak * (step + 1) / rising
    if schedule == "constant":
        return peak
    done = (step - rising) / max(1, total - rising)
    return peak * (1.0 - done) if schedule == "linear" else peak * 0.5 * (1.0 + math.cos(math.pi * done))
