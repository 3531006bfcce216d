"""Stop before a diverged loss ruins the weights, and name the rows that did it."""

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
"""BatchSource whose median a loss is held against; no verdict before a quarter of it is there."""


def check(
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
    """Raise before the optimiser steps if loss or gradient is not finite, or the loss jumped.

    Raises:
        RunError: naming the step and its worst rows.
    """
    jumped = len(recent) >= WINDOW // 4 and loss > median(recent) + max_jump
    if math.isfinite(loss) and math.isfinite(norm) and not jumped:
        return
    what = (
        f"the loss jumped to {loss:.4g} from a median of {median(recent):.4g}"
        if jumped
        else f"loss {loss}, gradient norm {norm}"
    )
    raise RunError(
        f"step {step + 1}: {what}. Worst rows: {', '.join(_worst(policy, objective, groups))}. "
        "The weights before this step are kept. Look at these rows, lower learning_rate, or raise max_loss_jump"
    )


@torch.no_grad()
def _worst(policy: Policy, objective: Objective, groups: Sequence[Group], most: int = 3) -> list[str]:
    """Where the groups with the highest loss come from; those without a finite one alone if there are any."""
    losses: list[tuple[float, str]] = []
    for group in groups:
        batch = collate([group], policy.device)
        total = loss_of(policy, objective, batch).total
        losses.append((float(total) / max(1, batch.counts[objective.unit]), group.where))
    bad = [where for loss, where in losses if not math.isfinite(loss)]
    return (bad or [where for _, where in sorted(losses, reverse=True)])[:most]
