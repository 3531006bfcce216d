"""Reward functions that TRL and Axolotl name, as the rewards of a recipe."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from posttrain.convert.keys import Outcome
from posttrain.options import NAME

_READY: Mapping[str, Mapping[str, Any]] = {
    "accuracy_reward": {"kind": "math", "target": "solution"},
    "reasoning_accuracy_reward": {"kind": "math", "target": "solution"},
    "think_format_reward": {"kind": "regex", "pattern": "(?s)^<think>(?!.*<think>).*?</think>.*$"},
}
"""TRL's own reward functions → rewards of a recipe."""

_OVERLONG = "get_soft_overlong_punishment"
FILE = "rewards.py"
"""The file of the rewards that a configuration does not name."""


def rewards_of(functions: Sequence[str], weights: Sequence[Any], model: str | None) -> Outcome:
    """The rewards of a stage.

    Args:
        functions: TRL's names, or Python paths such as `my_rewards.format_reward`.
        weights: the weight of each reward, if they are named; the reward model comes first.
        model: a reward model.
    """
    specs: list[tuple[str, dict[str, Any]]] = [("model", {"kind": "model", "model": model})] if model else []
    lost: list[str] = []
    for function in functions:
        name = function.rpartition("/" if "/" in function else ".")[2]
        if function == _OVERLONG:
            lost.append("the overlong punishment counts tokens; `{kind: length, free: ..., margin: ...}` counts words")
        elif function in _READY:
            if _READY[function]["kind"] == "math":
                lost.append(f"{function} of TRL accepts boxed or LaTeX answers alone; `math` accepts plain ones too")
            specs.append((name, dict(_READY[function])))
        elif "." in function and "/" not in function:
            file = function.rpartition(".")[0].replace(".", "/") + ".py"
            specs.append((name, {"kind": "python", "file": file, "function": name}))
        else:
            specs.append((name, {"kind": "model", "model": function}))
    if not specs:
        lost.append(f"the rewards are in a script; name the function of each, here `reward` in {FILE}")
        specs.append(("reward", {"kind": "python", "file": FILE, "function": "reward"}))
    if weights and len(weights) == len(specs):
        specs = [(name, {**spec, "weight": weight}) for (name, spec), weight in zip(specs, weights, strict=True)]
    elif weights:
        lost.append("there are not as many weights as rewards; set `weight` at each reward")
    return Outcome(_named(specs), lost="; ".join(lost))


def _named(specs: Sequence[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """Name → reward; a name that comes twice, or cannot be one, gets a number."""
    named: dict[str, Any] = {}
    for number, (name, spec) in enumerate(specs, start=1):
        plain = re.sub(r"[^A-Za-z0-9_-]", "-", name).strip("-")
        fits = NAME.fullmatch(plain) is not None and plain not in named
        named[plain if fits else f"reward-{number}"] = spec
    return named
