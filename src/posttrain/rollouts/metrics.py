"""The metrics of a rollout: rewards, entropy, lengths, and KL to the reference model."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from posttrain.advantages.grpo import varies
from posttrain.core.group import Floats, Group, Ints
from posttrain.objectives.kl import kl_estimate
from posttrain.rollouts.types import Rollout

GRAM = 4
"""The length, in tokens, of the n-grams that `repetition` counts."""


def figures(rollout: Rollout) -> dict[str, float | None]:
    """Compute a rollout's metrics, under TRL's names where TRL has them.

    - ``reward``: the mean; ``reward_std``: the mean of the standard deviations within groups.
    - ``rewards/{name}/mean`` and ``/std``: the same for each component of the reward.
    - ``rewards/{name}/not_applicable``: share of completions that the reward cannot judge, if there are any.
    - ``frac_reward_zero_std``: share of groups whose rewards are all equal, so that they teach nothing.
    - ``pass_rate``: share of completions with the full reward. Costs are ignored. None if a component has values
      outside 0 to 1.
    - ``entropy``: mean of -log p of the sampled tokens, in nats per token.
    - ``completions/...``: lengths in tokens, the share cut at the limit, the share of repeated 4-grams.
    """
    completions = [completion for group in rollout.written for completion in group]
    length = np.array([len(completion.tokens) for completion in completions])
    ended = np.array([completion.ended for completion in completions])
    measured: dict[str, float | None] = {
        "reward": mean(rollout.reward_GK),
        "reward_std": mean(np.array([deviation(row) for row in rollout.reward_GK])),
    }
    for name, values in rollout.components.items():
        measured |= {
            f"rewards/{name}/mean": mean(values),
            f"rewards/{name}/std": finite_or_none(deviation(values.ravel())),
        }
        if reasons := rollout.not_applicable.get(name):
            measured[f"rewards/{name}/not_applicable"] = sum(reasons.values()) / values.size
    if rollout.reward_GK.shape[1] > 1:
        measured["frac_reward_zero_std"] = mean(np.array([not varies(row) for row in _known(rollout)]))
    return measured | {
        "pass_rate": _pass_rate(rollout),
        "entropy": float(-np.concatenate([completion.logp for completion in completions]).mean(dtype=np.float64)),
        "completions/mean_length": float(length.mean()),
        "completions/min_length": float(length.min()),
        "completions/max_length": float(length.max()),
        "completions/mean_terminated_length": float(length[ended].mean()) if ended.any() else None,
        "completions/clipped_ratio": float(1.0 - ended.mean()),
        "completions/repetition": float(np.mean([repetition(completion.tokens) for completion in completions])),
    }


def kl_figures(groups: Sequence[Group]) -> dict[str, float | None]:
    """KL to the reference: ``kl`` in nats per token (k3), ``objective/kl`` in nats per completion (k1)."""
    old, ref = (np.concatenate([g.columns[name] for g in groups]) for name in ("old_logp", "ref_logp"))
    k3 = kl_estimate(torch.from_numpy(old).double(), torch.from_numpy(ref).double())
    completions = sum(len(group.completions) for group in groups)
    return {"kl": float(k3.mean()), "objective/kl": float((old - ref).sum(dtype=np.float64)) / completions}


def repetition(tokens: Ints) -> float:
    """Share of a text's 4-grams that already occurred earlier in the text."""
    grams = [tuple(tokens[i : i + GRAM].tolist()) for i in range(len(tokens) - GRAM + 1)]
    return 1.0 - len(set(grams)) / len(grams) if grams else 0.0


def mean(values: Floats | np.ndarray[Any, Any]) -> float | None:
    """Mean of the finite values; None if there are none."""
    known = values[np.isfinite(values)]
    return float(known.mean(dtype=np.float64)) if len(known) else None


def _known(rollout: Rollout) -> list[Floats]:
    return [row for row in rollout.reward_GK if np.isfinite(row).any()]


def _pass_rate(rollout: Rollout) -> float | None:
    parts = [values for name, values in rollout.components.items() if name not in rollout.costs]
    if not parts or any(np.nanmin(v, initial=0.0) < 0.0 or np.nanmax(v, initial=0.0) > 1.0 for v in parts):
        return None
    full = np.min([np.where(np.isfinite(values), values, 1.0) for values in parts], axis=0)
    known = np.isfinite(rollout.reward_GK)
    return mean((full >= 1.0 - 1e-6)[known].astype(np.float32))


def deviation(values: Floats) -> float:
    """Standard deviation (n - 1) of the finite values; NaN if there are fewer than two."""
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1, dtype=np.float64)) if len(known) > 1 else float("nan")


def finite_or_none(value: float) -> float | None:
    """The value as a float; None for NaN and infinity."""
    return float(value) if np.isfinite(value) else None
