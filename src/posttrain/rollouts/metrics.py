"""What there is to see of a rollout: figures, alarms for the known ways to fail, a table of completions."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from posttrain.advantages.grpo import varies
from posttrain.core.group import Floats, Group, Ints
from posttrain.files import write_whole
from posttrain.objectives.kl import kl_estimate
from posttrain.rollouts.options import AlarmOptions
from posttrain.rollouts.types import Metrics, Rollout

GRAM = 4
"""Tokens in a row that count as repeated when they come again."""


def figures(rollout: Rollout) -> dict[str, float | None]:
    """A rollout in numbers, under the names TRL users know.

    ``reward`` and ``reward_std`` (mean deviation within a group), ``rewards/{name}/mean`` and ``/std``,
    ``rewards/{name}/not_applicable`` (share of completions that it cannot judge, where there are any),
    ``frac_reward_zero_std`` (groups that teach nothing), ``pass_rate`` (completions with the full reward, where each
    lies between 0 and 1; costs aside), ``entropy`` (nats a token: the mean of -log p of what was drawn),
    ``completions/...`` (lengths in tokens, the share cut at the limit, the share of repeated 4-grams).
    """
    written = [one for some in rollout.written for one in some]
    length = np.array([len(one.tokens) for one in written])
    ended = np.array([one.ended for one in written])
    measured: dict[str, float | None] = {
        "reward": mean(rollout.reward_GK),
        "reward_std": mean(np.array([deviation(row) for row in rollout.reward_GK])),
    }
    for name, values in rollout.components.items():
        measured |= {f"rewards/{name}/mean": mean(values), f"rewards/{name}/std": _or_none(deviation(values.ravel()))}
        if reasons := rollout.not_applicable.get(name):
            measured[f"rewards/{name}/not_applicable"] = sum(reasons.values()) / values.size
    if rollout.reward_GK.shape[1] > 1:
        measured["frac_reward_zero_std"] = mean(np.array([not varies(row) for row in _known(rollout)]))
    return measured | {
        "pass_rate": _pass_rate(rollout),
        "entropy": float(-np.concatenate([one.logp for one in written]).mean(dtype=np.float64)),
        "completions/mean_length": float(length.mean()),
        "completions/min_length": float(length.min()),
        "completions/max_length": float(length.max()),
        "completions/mean_terminated_length": float(length[ended].mean()) if ended.any() else None,
        "completions/clipped_ratio": float(1.0 - ended.mean()),
        "completions/repetition": float(np.mean([repetition(one.tokens) for one in written])),
    }


def kl_figures(groups: Sequence[Group]) -> dict[str, float | None]:
    """Distance to the reference: ``kl`` in nats a token (k3), ``objective/kl`` in nats a completion (k1)."""
    old, ref = (np.concatenate([g.columns[name] for g in groups]) for name in ("old_logp", "ref_logp"))
    k3 = kl_estimate(torch.from_numpy(old).double(), torch.from_numpy(ref).double())
    completions = sum(len(group.completions) for group in groups)
    return {"kl": float(k3.mean()), "objective/kl": float((old - ref).sum(dtype=np.float64)) / completions}


def alarms(now: Metrics, first: Mapping[str, Any], options: AlarmOptions) -> Iterator[str]:
    """A sentence for each way this rollout shows the training to fail.

    Args:
        now: the rollout's figures.
        first: those of the first rollout; empty if this is it.
    """
    kl = now.get("objective/kl")
    if options.max_kl is not None and kl is not None and kl > options.max_kl:
        yield (
            f"KL to the reference is {kl:.3g} nats a completion, over the budget of {options.max_kl:g} (max_kl): "
            "raise beta or lower learning_rate"
        )
    if not first:
        return
    length, short = now["completions/mean_length"], first["completions/mean_length"]
    assert length is not None
    if options.max_length_growth is not None and length > options.max_length_growth * short:
        yield (
            f"completions have {length:.0f} tokens, {length / short:.1f} times the first rollout's: length explosion. "
            "Does the reward pay for length? Add a length reward, or raise beta"
        )
    entropy, open_ = now["entropy"], first["entropy"]
    assert entropy is not None
    if options.min_entropy is not None and entropy < options.min_entropy * open_:
        yield (
            f"entropy is {entropy:.3g} nats a token, {entropy / open_:.0%} of the first rollout's: collapse. "
            "Raise beta or clip_high, or stop earlier"
        )


def repetition(tokens: Ints) -> float:
    """Share of a text's 4-grams that occurred before in it."""
    grams = [tuple(tokens[i : i + GRAM].tolist()) for i in range(len(tokens) - GRAM + 1)]
    return 1.0 - len(set(grams)) / len(grams) if grams else 0.0


def table(rollout: Rollout, number: int) -> Iterator[dict[str, Any]]:
    """A row a completion: rollout, where, prompt, completion, tokens, ended, reward and each of its components."""
    for g, prompt in enumerate(rollout.prompts):
        for k, text in enumerate(rollout.texts[g]):
            one = rollout.written[g][k]
            yield {
                "rollout": number,
                "where": prompt.where,
                "prompt": prompt.text,
                "completion": text,
                "tokens": len(one.tokens),
                "ended": one.ended,
                "reward": _or_none(rollout.reward_GK[g, k]),
                "rewards": {name: _or_none(values[g, k]) for name, values in rollout.components.items()},
            }


def write_table(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object a line; whole or not there."""
    write_whole(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def mean(values: Floats | np.ndarray[Any, Any]) -> float | None:
    """Mean of what is known; None if nothing is."""
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
    """Standard deviation (n - 1) of what is known; NaN where less than two are."""
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1, dtype=np.float64)) if len(known) > 1 else float("nan")


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
