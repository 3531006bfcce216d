"""Completions that another engine wrote than the trainer's own: weighed by how likely the trainer would draw them.

    w_n = min(π(y_n) / μ(y_n), cap)        π the policy in the trainer, μ the same weights in the engine

Truncated importance sampling (Ionides 2008, Journal of Computational and Graphical Statistics 17(2)), token by token,
as TRL's ``token_truncate``. Old log-probs are then the trainer's, so that the ratio starts at 1.
"""

from dataclasses import replace

import numpy as np

from posttrain.core.group import Floats
from posttrain.policy.inference import outputs_by_group
from posttrain.policy.load import Policy
from posttrain.rollouts.types import Rollout


def corrected(rollout: Rollout, policy: Policy, *, row_tokens: int, temperature: float, cap: float) -> Rollout:
    """The rollout with the trainer's log-probs, and the weight of each token.

    Args:
        temperature: of sampling.
        cap: the largest weight.
    """
    groups = rollout.groups()
    found = outputs_by_group(policy, groups, {"logp"}, row_tokens, temperature=temperature)
    known = [one.logp_N.numpy() for one in found if one.logp_N is not None]
    written = tuple(
        tuple(
            replace(one, logp=logp, importance=np.minimum(np.exp(logp - one.logp), cap).astype(np.float32))
            for one, logp in zip(some, _cut(logp_N, [len(one.tokens) for one in some]), strict=True)
        )
        for some, logp_N in zip(rollout.written, known, strict=True)
    )
    return replace(rollout, written=written)


def importance_figures(rollout: Rollout) -> dict[str, float | None]:
    """How far apart engine and trainer are, under TRL's names; nothing where they are one."""
    weights = [one.importance for some in rollout.written for one in some if one.importance is not None]
    if not weights:
        return {}
    every = np.concatenate(weights)
    name = "sampling/importance_sampling_ratio"
    figures = {"min": every.min(), "mean": every.mean(dtype=np.float64), "max": every.max()}
    return {f"{name}/{what}": float(value) for what, value in figures.items()}


def _cut(values: Floats, sizes: list[int]) -> list[Floats]:
    return np.split(values, np.cumsum(sizes)[:-1])
