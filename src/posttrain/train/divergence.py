"""Stops training before a diverged loss ruins the weights, and names the rows with the highest loss."""

import math
from collections.abc import Sequence
from statistics import median

import torch

from posttrain.core.group import Group
from posttrain.core.outputs import Objective
from posttrain.core.packing import collate
from posttrain.errors import RunError
from posttrain.policy.load import Policy
from posttrain.policy.shard import whole
from posttrain.train.step import loss_of

WINDOW = 32
"""The number of steps whose median a loss is compared with. The comparison starts after a quarter of them."""


def check_loss(
    policy: Policy,
    objective: Objective,
    groups: Sequence[Group],
    *,
    step: int,
    loss: float,
    norm: float,
    recent: Sequence[float],
    max_jump: float,
) -> None:
    """Refuse a step, before the optimiser runs, if its loss or gradient is not finite or its loss jumped.

    Args:
        step: number of the step, counted from 0.
        recent: the losses of the steps before.
        max_jump: the largest allowed difference between the loss and their median.

    Raises:
        RunError: the loss diverged; the error names the step and its worst rows.
    """
    jumped = len(recent) >= WINDOW // 4 and loss > median(recent) + max_jump
    if math.isfinite(loss) and math.isfinite(norm) and not jumped:
        return
    problem = (
        f"the loss jumped from a median of {median(recent):.4g} to {loss:.4g}"
        if jumped
        else f"the loss is {loss} and the gradient norm {norm}"
    )
    with whole(policy):
        worst = _worst(policy, objective, groups)
    raise RunError(
        f"step {step + 1}: {problem}. Worst rows: {', '.join(worst)}. "
        "The run keeps the weights before this step. Look at these rows, lower learning_rate, or raise max_loss_jump"
    )


@torch.no_grad()
def _worst(policy: Policy, objective: Objective, groups: Sequence[Group], most: int = 3) -> list[str]:
    """``file:line`` of the groups with the highest loss, or of those whose loss is not finite if there are any."""
    losses: list[tuple[float, str]] = []
    for group in groups:
        batch = collate([group], policy.device)
        total = loss_of(policy, objective, batch).total
        losses.append((float(total) / (batch.counts[objective.unit] or 1), group.where))
    bad = [where for loss, where in losses if not math.isfinite(loss)]
    return (bad or [where for _, where in sorted(losses, reverse=True)])[:most]
