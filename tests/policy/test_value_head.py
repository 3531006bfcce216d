"""The value head starts at zero, is trained with the policy, and is not in the saved folder."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from byte_model import save_byte_model
from posttrain.core.packing import collate
from posttrain.policy.forward import forward
from posttrain.policy.load import load_policy
from posttrain.policy.lora.adapters import add_lora
from posttrain.policy.options import LoraOptions
from posttrain.policy.save import save_policy
from posttrain.policy.value_head import VALUE_HEAD, add_value_head
from structures import random_group

RNG = np.random.default_rng(0)


def test_a_value_is_a_linear_map_of_the_state_before_its_token(tmp_path: Path) -> None:
    policy = load_policy(str(save_byte_model(tmp_path / "model")))
    add_value_head(policy)
    group = random_group(RNG, 4, [3, 5])
    batch = collate([group])
    first = forward(policy, batch, {"value"}).value_N
    assert first is not None
    assert not first.any()
    torch.nn.init.normal_(policy.base.value_head.weight)
    values = forward(policy, batch, {"value", "logp"})
    expected: list[torch.Tensor] = []
    policy.base.set_attn_implementation("sdpa")
    for completion in group.completions:
        ids = torch.tensor([[*group.prompt.tolist(), *completion.tokens.tolist()]])
        states = policy.base.model(ids).last_hidden_state[0, len(group.prompt) - 1 : -1]
        expected.append(policy.base.value_head(states)[torch.from_numpy(completion.loss), 0])
    assert values.value_N is not None
    assert torch.allclose(values.value_N, torch.cat(expected), atol=1e-5)


def test_it_is_trained_beside_adapters_too(tmp_path: Path) -> None:
    policy = load_policy(str(save_byte_model(tmp_path / "model")))
    add_lora(policy, LoraOptions(rank=2))
    add_value_head(policy)
    value = forward(policy, collate([random_group(RNG, 4, [3])]), {"value"}).value_N
    assert value is not None
    value.sum().backward()
    trained = {name for name, p in policy.model.named_parameters() if p.requires_grad and VALUE_HEAD in name}
    assert len(trained) == 2
    assert policy.base.value_head.weight.grad.any()


def test_a_separate_value_model_starts_as_a_copy_and_leaves_the_policy_alone(tmp_path: Path) -> None:
    batch = collate([random_group(RNG, 4, [3, 5]), random_group(RNG, 2, [4])])
    values: list[torch.Tensor] = []
    for separate in (False, True):
        policy = load_policy(str(save_byte_model(tmp_path / "model")))
        add_value_head(policy, separate=separate)
        torch.nn.init.constant_(policy.base.value_head.weight, 0.1)
        for wants in ({"value"}, {"value", "logp"}):
            value = forward(policy, batch, wants).value_N
            assert value is not None
            values.append(value)
    assert all(torch.allclose(one, values[0], atol=1e-6) for one in values)
    values[-1].sum().backward()
    touched = {name.split(".")[0] for name, p in policy.base.named_parameters() if p.grad is not None and p.grad.any()}
    assert touched == {"value_trunk", "value_head"}


@pytest.mark.parametrize("separate", [False, True])
def test_a_saved_policy_has_no_value_head(separate: bool, tmp_path: Path) -> None:
    policy = load_policy(str(save_byte_model(tmp_path / "model")))
    add_value_head(policy, separate=separate)
    save_policy(policy, tmp_path / "saved")
    _, report = AutoModelForCausalLM.from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert not report["unexpected_keys"]
    assert not report["missing_keys"]
