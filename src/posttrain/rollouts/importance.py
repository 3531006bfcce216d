"""Importance weights for completions that another engine than the trainer's own generated.

    token       w_n = π(y_n) / μ(y_n)              π: the policy in the trainer, μ: the same weights in the engine
    sequence    w_n = Π_m π(y_m) / μ(y_m)          over all tokens of the completion, equal for all of them
    truncate    min(w_n, cap)
    mask        w_n if w_n <= cap, else 0          the token or completion then bears no policy gradient

Truncated importance sampling is Ionides 2008, Journal of Computational and Graphical Statistics 17(2). The modes are
TRL's, under the same names. The trainer's log-probs become the old log-probs, so that the ratio starts at 1.
"""

from dataclasses import replace

import numpy as np

from posttrain.core.group import Floats
from posttrain.generation.options import Importance
from posttrain.policy.inference import outputs_by_group
from posttrain.policy.load import Policy
from posttrain.rollouts.types import Rollout


def corrected(
    rollout: Rollout,
    policy: Policy,
    *,
    row_tokens: int,
    temperature: float,
    cap: float,
    mode: Importance = "token_truncate",
) -> Rollout:
    """The rollout with the trainer's log-probs, and the importance weight of each token.

    Args:
        temperature: the temperature of sampling.
        cap: the largest weight.
        mode: see the formulas above.
    """
    groups = rollout.groups()
    outputs = outputs_by_group(policy, groups, {"logp"}, row_tokens, temperature=temperature)
    logps = [output.logp_N.numpy() for output in outputs if output.logp_N is not None]
    written = tuple(
        tuple(
            replace(g, logp=logp, importance=importance_weights(logp - g.logp, cap, mode))
            for g, logp in zip(generations, _cut(logp_N, [len(g.tokens) for g in generations]), strict=True)
        )
        for generations, logp_N in zip(rollout.written, logps, strict=True)
    )
    return replace(rollout, written=written)


def importance_weights(apart_L: Floats, cap: float, mode: Importance) -> Floats:
    """The weight of each token of a completion, from its log π - log μ."""
    if mode.startswith("sequence"):
        apart_L = np.full_like(apart_L, apart_L.sum(dtype=np.float64))
    with np.errstate(over="ignore"):
        weight_L = np.exp(apart_L)
    weight_L = np.where(weight_L > cap, 0.0, weight_L) if mode.endswith("mask") else np.minimum(weight_L, cap)
    return weight_L.astype(np.float32)


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
