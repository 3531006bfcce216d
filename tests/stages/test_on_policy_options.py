"""An on-policy stage refuses invalid options before it reads data."""

import pytest
from pydantic import ValidationError

from posttrain.recipe.stages.grpo import GRPOStage

PENALTY = {"kind": "length", "free": 3, "margin": 4}


def test_rewards_without_any_weight_are_refused_and_named() -> None:
    options = {"kind": "grpo", "data": "x.jsonl", "rewards": {"short": {**PENALTY, "weight": 0}}}
    with pytest.raises(ValidationError, match="short"):
        GRPOStage.model_validate(options)
    options["rewards"] = {"short": {**PENALTY, "weight": 0}, "counts": {**PENALTY, "weight": -1}}
    GRPOStage.model_validate(options)
