"""An on-policy stage refuses invalid options before it reads data."""

from typing import Any

import pytest
from pydantic import ValidationError

from posttrain.recipe.stages.grpo import GRPOStage
from posttrain.recipe.stages.ppo import PPOStage

PENALTY = {"kind": "length", "free": 3, "margin": 4}
SERVER = {"url": "http://localhost:8000/v1", "model": "base"}


def test_rewards_without_any_weight_are_refused_and_named() -> None:
    options = {"kind": "grpo", "data": "x.jsonl", "rewards": {"short": {**PENALTY, "weight": 0}}}
    with pytest.raises(ValidationError, match="short"):
        GRPOStage.model_validate(options)
    options["rewards"] = {"short": {**PENALTY, "weight": 0}, "counts": {**PENALTY, "weight": -1}}
    GRPOStage.model_validate(options)


def stage(**options: Any) -> GRPOStage:
    return GRPOStage.model_validate({"kind": "grpo", "data": "x.jsonl", "rewards": {"short": PENALTY}, **options})


REFUSED: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "one completion to compare": ({"num_generations": 1}, ("num_generations", "equal to 2", "reinforce")),
    "one completion with rloo": ({"num_generations": 1, "advantage": "rloo"}, ("num_generations", "equal to 2")),
    "cispo by sequence": ({"loss": "cispo", "ratio": "sequence"}, ("`loss: cispo`", "remove `ratio: sequence`")),
    "sapo by sequence": ({"loss": "sapo", "ratio": "sequence"}, ("`loss: sapo`", "remove `ratio: sequence`")),
    "dual clip of cispo": ({"loss": "cispo", "dual_clip": 3}, ("`dual_clip` belongs to `loss: clip`",)),
    "dual clip below the clip": ({"dual_clip": 1.1}, ("above 1 + clip_high, which is 1.2",)),
    "sapo with a clip": ({"loss": "sapo", "clip_high": 0.28}, ("has no clip", "tau_pos")),
    "temperatures without sapo": ({"tau_neg": 2.0}, ("belong to `loss: sapo`", "remove them")),
    "scale of rloo": ({"advantage": "rloo", "scale_rewards": "batch"}, ("`rloo` has no scale", "remove")),
    "scale of reinforce++": ({"advantage": "reinforce++", "scale_rewards": True}, ("over the rollout", "remove")),
    "gdpo with rloo": ({"advantage": "rloo", "normalize_each_reward": True}, ("`advantage: grpo`", "remove")),
    "gdpo with a scale": ({"normalize_each_reward": True, "scale_rewards": "none"}, ("remove `scale_rewards`",)),
    "gdpo with KL in the reward": ({"normalize_each_reward": True, "kl": "reward", "beta": 0.1}, ("set `kl: loss`",)),
    "KL in the reward without a weight": ({"kl": "reward"}, ("set `beta`",)),
    "dynamic sampling of single completions": (
        {"advantage": "reinforce++", "num_generations": 1, "dynamic_sampling": 2},
        ("`dynamic_sampling` compares", "above 1"),
    ),
    "dynamic sampling by sums": ({"normalize_each_reward": True, "dynamic_sampling": 2}, ("remove one of the two",)),
    "vllm and a part of the tokens": ({"vllm": SERVER, "top_p": 0.9}, ("`vllm` with `top_p`", "biased", "remove it")),
    "vllm and two filters": ({"vllm": SERVER, "top_k": 9, "min_p": 0.1}, ("`top_k`, `min_p`", "remove them")),
    "an adapter that is none": ({"vllm": {**SERVER, "send": "adapter"}}, ("needs an adapter", "set `lora: {}`")),
    "four bits for vllm": (
        {"vllm": SERVER, "lora": {}, "quantization": "4bit"},
        ("4-bit weights", "`vllm: {send: adapter}`", "remove `quantization`"),
    ),
    "a template for vllm": (
        {"vllm": {**SERVER, "template_arguments": {"enable_thinking": False}}},
        ("renders no template", "the stage's own"),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_options_that_contradict_each_other_are_refused_with_the_next_step(name: str) -> None:
    options, messages = REFUSED[name]
    with pytest.raises(ValidationError) as error:
        stage(**options)
    assert error.value.error_count() == 1
    for words in messages:
        assert words in str(error.value)


def test_options_that_agree_are_accepted() -> None:
    stage(advantage="reinforce++", num_generations=1)
    stage(vllm={**SERVER, "importance": "sequence_mask", "lag": 1}, top_p=1.0, top_k=0)
    stage(top_p=0.9)
    stage(loss="cispo", clip_low=1.0, clip_high=4.0)
    ppo = {"kind": "ppo", "data": "x.jsonl", "rewards": {"short": PENALTY}, "dual_clip": 3}
    assert PPOStage.model_validate(ppo).dual_clip == 3
    with pytest.raises(ValidationError, match="`vllm` with `top_k`"):
        PPOStage.model_validate({**ppo, "vllm": SERVER, "top_k": 5})


def test_the_earlier_values_of_scale_rewards_keep_their_meaning() -> None:
    assert stage().scale_rewards is None
    assert stage(scale_rewards=True).scale_rewards == "group"
    assert stage(scale_rewards=False).scale_rewards == "none"
