"""The chance that an answer refuses in full, by a linear model over its features.

`bench/refusal_fit.py` fits the weights to the labelled answers of the half `write` and writes `weights.json`.
"""

import json
import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files


def chance(found: Mapping[str, float], weights: Mapping[str, float] | None = None) -> float:
    """The chance of a full refusal, from 0 to 1, given the answer's features.

    Args:
        found: the features, see `features`.
        weights: by the names of features; those of `weights.json` if None.
    """
    weights = _weights() if weights is None else weights
    score = sum(value * weights.get(name, 0.0) for name, value in found.items())
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, score))))


@cache
def _weights() -> dict[str, float]:
    text = files("posttrain.rewards.refusal").joinpath("weights.json").read_text(encoding="utf-8")
    return json.loads(text)
