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
from posttrain.train.step import loss_of

WINDOW = 32
"""A loss is compared with the median of so many steps, once a quarter of them are done."""


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
    """Refuse a step before the optimiser runs if its loss or gradient is not finite, or its loss jumped.

    Args:
        step: number of the step, counted from 0.
        recent: losses of the steps before.
        max_jump: largest difference between the loss and their median.

    Raises:
        RunError: the loss diverged; the error names the step and its worst rows.
    """
    jumped = len(recent) >= WINDOW // 4 and loss > median(recent) + max_jump
    if math.isfinite(loss) and math.isfinite(norm) and not jumped:
        return
    problem = (
        f"the loss jumped to {loss:.4g} from a median of {median(recent):.4g}"
        if jumped
        else f"loss {loss}, gradient norm {norm}"
    )
    raise RunError(
        f"step {step + 1}: {problem}. Worst rows: {', '.join(_worst(policy, objective, groups))}. "
        "The weights before this step are kept. Look at these rows, lower learning_rate, or raise max_loss_jump"
    )


@torch.no_grad()
def _worst(policy: Policy, objective: Objective, groups: Sequence[Group], most: int = 3) -> list[str]:
    """``file:line`` of the groups with the highest loss; if losses are not finite, of those groups alone."""
    losses: list[tuple[float, str]] = []
    for group in groups:
        batch = collate([group], policy.device)
        total = loss_of(policy, objective, batch).total
        losses.append((float(total) / max(1, batch.counts[objective.unit]), group.where))
    bad = [where for loss, where in losses if not math.isfinite(loss)]
    return (bad or [where for _, where in sorted(losses, reverse=True)])[:most]
