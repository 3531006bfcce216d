"""A stage's metrics as lines of the summary: their unit, and what they are taken over."""

import json
from collections.abc import Mapping
from pathlib import Path

from posttrain.evaluate.estimates import Result
from posttrain.stages.context import Figure
from posttrain.statistics.estimate import Unit
from posttrain.statistics.intervals import wilson
from posttrain.train.loop import Training
from posttrain.train.step import Mean

_SHARES = ("accurac", "ratio", "pass_rate")
_NATS = ("loss", "kl")
_COUNTED = {"token": "tokens", "completion": "completions", "group": "prompts"}
_ROLLOUT = ("reward", "pass_rate")
"""Figures of rollouts that the summary shows."""


def figure_of(name: str, before: Mean | None, after: Mean, training: Training) -> Figure:
    """A held-out metric before and after training."""
    unit = unit_of(name)
    sure = None
    if "accurac" in name and after.value is not None:
        sure = wilson(round(after.value * after.n), after.n)
    return Figure(None if before is None else before.value, after.value, after.n, sure, unit, _counted(name, training))


def figures_of_results(results: Mapping[str, Result]) -> dict[str, Figure]:
    """The results of suites as lines of the summary."""
    estimates = {key: result.estimate for key, result in results.items()}
    return {key: Figure(None, e.value, e.n, e.interval, e.unit, e.counted) for key, e in estimates.items()}


def unit_of(name: str) -> Unit:
    """What a metric's value is."""
    last = name.rpartition("/")[2]
    if any(word in name for word in _SHARES):
        return "share"
    return "nats" if any(last.endswith(word) for word in _NATS) else "value"


def rollout_figures(log: Path, completions: int) -> dict[str, Figure]:
    """Reward (and share of full rewards) of the first and of the last rollout of a stage.

    Args:
        log: the stage's ``metrics.jsonl``.
        completions: of a rollout.
    """
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    found: dict[str, Figure] = {}
    for name in _ROLLOUT:
        values = [row[name] for row in rows if row.get("split") == "train" and row.get(name) is not None]
        if values:
            unit = unit_of(name)
            found[f"rollout/{name}"] = Figure(values[0], values[-1], completions, None, unit, "completions")
    return found


def _counted(name: str, training: Training) -> str:
    """What a held-out metric is taken over."""
    if training.measure is not None:
        return "prompts"
    if name.endswith("first_token_loss"):
        return "answers"
    if name.endswith("loss"):
        return _COUNTED[training.objective.unit]
    return "completions" if name.endswith("reward") or training.objective.unit == "completion" else "pairs"
