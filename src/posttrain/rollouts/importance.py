"""Importance weights for completions that another engine than the trainer's own generated.

    w_n = min(π(y_n) / μ(y_n), cap)        π: the policy in the trainer, μ: the same weights in the engine

This is truncated importance sampling (Ionides 2008, Journal of Computational and Graphical Statistics 17(2)) for each
token, as TRL's ``token_truncate``. The trainer's log-probs become the old log-probs, so that the ratio starts at 1.
"""

from dataclasses import replace

import numpy as np

from posttrain.core.group import Floats
from posttrain.policy.inference import outputs_by_group
from posttrain.policy.load import Policy
from posttrain.rollouts.types import Rollout


def corrected(rollout: Rollout, policy: Policy, *, row_tokens: int, temperature: float, cap: float) -> Rollout:
    """The rollout with the trainer's log-probs, and the importance weight of each token.

    Args:
        temperature: the temperature of sampling.
        cap: the largest weight.
    """
    groups = rollout.groups()
    outputs = outputs_by_group(policy, groups, {"logp"}, row_tokens, temperature=temperature)
    logps = [output.logp_N.numpy() for output in outputs if output.logp_N is not None]
    written = tuple(
        tuple(
            replace(g, logp=logp, importance=np.minimum(np.exp(logp - g.logp), cap).astype(np.float32))
            for g, logp in zip(generations, _cut(logp_N, [len(g.tokens) for g in generations]), strict=True)
        )
        for generations, logp_N in zip(rollout.written, logps, strict=True)
    )
    return replace(rollout, written=written)


def importance_figures(rollout: Rollout) -> dict[str, float | None]:
    """Minimum, mean and maximum of the importance weights, under TRL's names; empty if there are no weights."""
    weights = [g.importance for generations in rollout.written for g in generations if g.importance is not None]
    if not weights:
        return {}
    every = np.concatenate(weights)
    name = "sampling/importance_sampling_ratio"
    figures = {"min": every.min(), "mean": every.mean(dtype=np.float64), "max": every.max()}
    return {f"{name}/{statistic}": float(value) for statistic, value in figures.items()}


def _cut(values: Floats, sizes: list[int]) -> list[Floats]:
    return np.split(values, np.cumsum(sizes)[:-1])
