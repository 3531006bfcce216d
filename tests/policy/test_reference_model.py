"""The reference stays the model before training, with disabled adapters or with a frozen copy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from byte_model import save_byte_model
from posttrain.core.group import Floats, Group
from posttrain.core.packing import collate
from posttrain.errors import InputError
from posttrain.policy.forward import forward
from posttrain.policy.load import Policy, load_policy
from posttrain.policy.lora.adapters import add_lora
from posttrain.policy.options import LoraOptions
from posttrain.policy.reference_model import adapted, freeze, frozen_logprobs
from posttrain.policy.value_head import add_value_head
from structures import random_group
from tiny_models import BRANCHING, save_model

RNG = np.random.default_rng(0)
GROUPS = [random_group(RNG, 4, [3, 6]), random_group(RNG, 2, [5]), random_group(RNG, 7, [1, 2, 4])]

ADAPTERS = {
    "adapters": LoraOptions(rank=2),
    "adapters, embedding trained whole": LoraOptions(rank=2, modules_to_save=("embed_tokens",)),
    "adapters, both ends trained whole": LoraOptions(rank=2, modules_to_save=("embed_tokens", "lm_head")),
}


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A model whose embedding and output layer are two matrices."""
    return save_model(tmp_path / "model", BRANCHING["llama"])


def alone(policy: Policy, temperature: float = 1.0) -> list[Floats]:
    """Log-probs of each group by itself."""
    with torch.no_grad():
        values = [forward(policy, collate([group]), {"logp"}, temperature=temperature).logp_N for group in GROUPS]
    return [one.numpy() for one in values if one is not None]


def train(policy: Policy, steps: int = 4) -> None:
    optimizer = torch.optim.AdamW([p for p in policy.model.parameters() if p.requires_grad], lr=0.05)
    for _ in range(steps):
        out = forward(policy, collate(GROUPS), {"logp"})
        assert out.logp_N is not None
        out.logp_N.sum().backward()
        optimizer.step()
        optimizer.zero_grad()


def equal(values: list[Floats], expected: list[Floats], tolerance: float = 1e-4) -> bool:
    return all(np.allclose(a, b, atol=tolerance) for a, b in zip(values, expected, strict=True))


@pytest.mark.parametrize("name", [*ADAPTERS, "copy"])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_it_is_the_model_before_training(name: str, temperature: float, folder: str) -> None:
    policy = load_policy(folder)
    before = alone(policy, temperature)
    copy = None
    if name == "copy":
        copy = freeze(load_policy(folder))
    else:
        add_lora(policy, ADAPTERS[name])
    frozen = frozen_logprobs(policy, copy, row_tokens=20, temperature=temperature)
    assert equal(frozen(GROUPS), before)
    train(policy)
    assert equal(frozen(GROUPS), before)
    assert not equal(alone(policy, temperature), before, 0.1), "the policy itself did move"


@pytest.mark.parametrize("name", ADAPTERS)
def test_switching_adapters_off_is_over_when_the_call_is(name: str, folder: str) -> None:
    policy = load_policy(folder)
    add_lora(policy, ADAPTERS[name])
    trainable = {n for n, p in policy.model.named_parameters() if p.requires_grad}
    train(policy)
    now = alone(policy)
    frozen_logprobs(policy, None, row_tokens=99, temperature=1.0)(GROUPS)
    assert equal(alone(policy), now, 0.0)
    assert {n for n, p in policy.model.named_parameters() if p.requires_grad} == trainable
    train(policy, 1)
    assert not equal(alone(policy), now)


@pytest.mark.parametrize("spoil", [lambda p: None, lambda p: torch.nn.init.constant_(p.base.value_head.weight, 9.0)])
def test_a_value_head_does_not_enter(spoil: Callable[[Policy], object], tmp_path: Path) -> None:
    policy = load_policy(str(save_byte_model(tmp_path / "model")))
    before = alone(policy)
    add_lora(policy, LoraOptions(rank=2))
    add_value_head(policy)
    spoil(policy)
    assert equal(frozen_logprobs(policy, None, row_tokens=99, temperature=1.0)(GROUPS), before)
    assert equal(alone(policy), before)


def test_a_frozen_copy_is_not_trained(folder: str) -> None:
    copy = freeze(load_policy(folder))
    assert not any(p.requires_grad for p in copy.model.parameters())


def test_a_policy_without_adapters_is_no_reference_of_itself(folder: str) -> None:
    policy = load_policy(folder)
    assert not adapted(policy)
    with pytest.raises(ValueError, match="frozen copy"):
        frozen_logprobs(policy, None, row_tokens=99, temperature=1.0)


def test_adapters_on_a_tied_embedding_are_refused(tmp_path: Path) -> None:
    policy = load_policy(str(save_byte_model(tmp_path / "model")))
    with pytest.raises(InputError, match="one matrix"):
        add_lora(policy, ADAPTERS["adapters, embedding trained whole"])


def test_groups_come_back_in_order(folder: str) -> None:
    frozen = frozen_logprobs(load_policy(folder), freeze(load_policy(folder)), row_tokens=1, temperature=1.0)
    backwards: list[Group] = GROUPS[::-1]
    assert equal(frozen(backwards)[::-1], frozen(GROUPS))
