"""Importance weights for completions that another engine than the trainer's own generated.

    token       w_n = π(y_n) / μ(y_n)              π: the policy in the trainer, μ: the same weights in the engine
    sequence    w_n = Π_m π(y_m) / μ(y_m)          over all tokens of the completion, equal for all of them
    truncate    min(max(w_n, floor), cap)
    mask        w_n if floor <= w_n <= cap, else 0     the token or completion then bears no policy gradient

Truncated importance sampling is Ionides 2008, Journal of Computational and Graphical Statistics 17(2). The modes are
TRL's, under the same names; a mask with two bounds is IcePop's (Ring-1T, arXiv:2510.18855). The trainer's log-probs
become the old log-probs, so that the ratio starts at 1. If the engine's weights are older than the trainer's (`lag`),
this is the decoupled objective of Hilton et al. 2021, arXiv:2110.00641.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from posttrain.core.group import Floats
from posttrain.errors import RunError
from posttrain.generation.options import Importance
from posttrain.generation.request import Generation
from posttrain.policy.inference import outputs_by_group
from posttrain.policy.load import Policy
from posttrain.rollouts.types import Metrics, Rollout

Correct = Callable[[Rollout], tuple[Rollout, Metrics]]
"""A rollout → the same with importance weights, and figures of them."""

FAR = 0.5
"""Nats a token between the two engines' log-probs, on average, that rounding and one rollout do not explain."""


def corrected(
    rollout: Rollout,
    policy: Policy,
    *,
    row_tokens: int,
    temperature: float,
    cap: float,
    floor: float = 0.0,
    mode: Importance = "token_truncate",
) -> tuple[Rollout, Metrics]:
    """The rollout with the trainer's log-probs and the importance weight of each token, and figures under TRL's names.

    Args:
        temperature: the temperature of sampling.
        cap: the upper bound of a weight.
        floor: the lower bound of a weight.
        mode: see the formulas above.

    Raises:
        RunError: the log-probs are so far apart that the completions are of other weights.
    """
    groups = rollout.groups()
    outputs = outputs_by_group(policy, groups, {"logp"}, row_tokens, temperature=temperature)
    logps = [output.logp_N.numpy() for output in outputs if output.logp_N is not None]
    aparts = [logp_N - group.columns["old_logp"] for logp_N, group in zip(logps, groups, strict=True)]
    figures = _difference(np.concatenate(aparts))
    written = tuple(
        tuple(
            replace(g, logp=logp, importance=importance_weights(apart, cap, mode, floor))
            for g, logp, apart in zip(generations, *(_cut(v, generations) for v in (logp_N, apart_N)), strict=True)
        )
        for generations, logp_N, apart_N in zip(rollout.written, logps, aparts, strict=True)
    )
    weights = np.concatenate([g.importance for some in written for g in some if g.importance is not None])
    return replace(rollout, written=written), {**figures, **_ratio(weights, cap, floor, mode)}


def importance_weights(apart_L: Floats, cap: float, mode: Importance, floor: float = 0.0) -> Floats:
    """The weight of each token of a completion, from its log π - log μ."""
    if mode.startswith("sequence"):
        apart_L = np.full_like(apart_L, apart_L.sum(dtype=np.float64))
    with np.errstate(over="ignore"):
        weight_L = np.exp(apart_L)
    if mode.endswith("mask"):
        weight_L = np.where((weight_L < floor) | (weight_L > cap), 0.0, weight_L)
    return np.clip(weight_L, 0.0 if mode.endswith("mask") else floor, cap).astype(np.float32)


def _difference(apart_N: Floats) -> Metrics:
    """Mean and maximum of the distance between the engines' log-probs, in nats a token."""
    distance = np.abs(apart_N)
    mean = float(distance.mean(dtype=np.float64))
    if mean > FAR:
        raise RunError(
            f"vllm: its log-probs are {mean:.2f} nats a token from the trainer's, so it generates with other weights, "
            "or reports log-probs before the temperature. Does it serve the model of this stage, for this run alone, "
            "with --logprobs-mode processed_logprobs?"
        )
    name = "sampling/sampling_logp_difference"
    return {f"{name}/mean": mean, f"{name}/max": float(distance.max())}


def _ratio(weights_N: Floats, cap: float, floor: float, mode: Importance) -> Metrics:
    """Minimum, mean and maximum of the importance weights, and the share of tokens whose weight reached a bound."""
    name = "sampling/importance_sampling_ratio"
    out = weights_N == 0 if mode.endswith("mask") else (weights_N >= cap) | (weights_N <= floor)
    mean = float(weights_N.mean(dtype=np.float64))
    values = {"min": float(weights_N.min()), "mean": mean, "max": float(weights_N.max())}
    return {f"{name}/{key}": value for key, value in values.items()} | {f"{name}/clipped": float(out.mean())}


def _cut(values: Floats, generations: tuple[Generation, ...]) -> list[Floats]:
    return np.split(values, np.cumsum([len(g.tokens) for g in generations])[:-1])
