"""Packed products give what the layers themselves give, for any grouping, and leave no trace behind."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from posttrain.core.logprobs import Head, logits_of
from posttrain.generation import engine
from posttrain.generation.engine import generate_completions
from posttrain.generation.products import PackedLayers, packable, packed_logits, recorded_inputs
from posttrain.generation.sampling import Sampling
from posttrain.policy.load import Policy, load_policy
from posttrain.policy.lora.adapters import add_lora
from posttrain.policy.options import LoraOptions
from posttrain.policy.probe import settle_layout
from tiny_models import BRANCHING, save_model

pytestmark = pytest.mark.skipif(
    not packable(torch.device("cpu"), torch.bfloat16), reason="this processor has no packed products in bfloat16"
)


class Block(nn.Module):
    """Two layers that read the input, with and without a bias, one that reads their sum, and one that runs twice."""

    def __init__(self, *, twice: bool) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(32, 48), nn.Linear(32, 48, bias=False)
        self.out, self.again = nn.Linear(48, 32), nn.Linear(32, 32)
        self.twice = twice

    def forward(self, x: Tensor) -> Tensor:
        y = self.out(self.one(x) * self.two(x))
        return self.again(self.again(y)) if self.twice else self.again(y)


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("rows", [1, 3, 96])
def test_packed_layers_give_the_layers_own_outputs(twice: bool, rows: int) -> None:
    torch.manual_seed(0)
    block, x = Block(twice=twice).bfloat16(), torch.randn(rows, 32, dtype=torch.bfloat16)
    with torch.no_grad():
        with recorded_inputs(block) as groups:
            expected = block(x)
        packed = PackedLayers(groups)
        actual, other = block(x), block(2 * x)
        packed.restore()
        torch.testing.assert_close(actual, expected, atol=2e-2, rtol=2e-2)
        torch.testing.assert_close(other, block(2 * x), atol=2e-2, rtol=2e-2)


def test_layers_that_read_one_tensor_are_one_group() -> None:
    block = Block(twice=False)
    with recorded_inputs(block) as groups:
        block(torch.randn(2, 32))
    assert groups == [[block.one, block.two], [block.out], [block.again]]


def test_queries_keys_and_values_of_a_model_are_one_product(tmp_path: Path) -> None:
    policy = load_policy(save_model(tmp_path, BRANCHING["llama"]), padded=True)
    with recorded_inputs(policy.base) as groups:
        policy.base(input_ids=torch.tensor([[1, 2, 3]]))
    names = {module: name.rpartition(".")[2] for name, module in policy.base.named_modules()}
    assert [names[layer] for layer in groups[0]] == ["q_proj", "k_proj", "v_proj"]
    assert [names[layer] for layer in groups[2]] == ["gate_proj", "up_proj"]


def test_adapted_layers_are_packed_with_their_adapters(tmp_path: Path) -> None:
    policy = opened(tmp_path)
    add_lora(policy, LoraOptions(rank=4))
    generator = torch.Generator().manual_seed(0)
    for parameter in policy.model.parameters():
        if parameter.requires_grad:
            parameter.data = torch.randn(parameter.shape, generator=generator) / 8
    block = policy.base.model.layers[0].mlp
    x = torch.randn(3, block.gate_proj.in_features, generator=generator).bfloat16()
    with torch.no_grad():
        with recorded_inputs(block) as groups:
            expected = block(x)
        assert groups == [[block.gate_proj, block.up_proj], [block.down_proj]]
        with policy.model.disable_adapter():
            without = block(x)
        packed = PackedLayers(groups)
        found = block(x)
        assert (found - expected).norm() < 0.02 * (without - expected).norm()
        packed.restore()
        torch.testing.assert_close(block(x), expected)


def test_the_packed_head_gives_the_heads_logits() -> None:
    torch.manual_seed(0)
    head = Head(torch.randn(100, 32), bias=torch.randn(100), scale=0.5, softcap=5.0)
    hidden = torch.randn(7, 32, dtype=torch.bfloat16)
    torch.testing.assert_close(packed_logits(head)(hidden), logits_of(hidden, head), atol=2e-2, rtol=2e-2)


def opened(folder: Path, *, dtype: torch.dtype = torch.bfloat16) -> Policy:
    policy = load_policy(save_model(folder, BRANCHING["llama"]), dtype=dtype, autocast=torch.bfloat16)
    settle_layout(policy)
    return policy


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_the_engine_generates_the_same_text_with_packed_products(
    dtype: torch.dtype, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, prompts = opened(tmp_path, dtype=dtype), [np.array([5, 6, 7], np.int32)]
    packed = generate_completions(policy, prompts, Sampling(12, seed=3), n=4)
    monkeypatch.setattr(engine, "packable", lambda device, dtype: False)
    plain = generate_completions(policy, prompts, Sampling(12, seed=3), n=4)
    for a, b in zip(packed[0], plain[0], strict=True):
        assert a.tokens.tolist() == b.tokens.tolist()
        np.testing.assert_allclose(a.logp, b.logp, atol=2e-2)


def test_the_layers_are_their_own_again_after_generation_and_after_an_error(tmp_path: Path) -> None:
    policy = opened(tmp_path)
    prompts = [np.array([5, 6, 7], np.int32)] * 2

    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate_completions(policy, prompts, Sampling(12, seed=3), n=2, on_done=stop)
    generate_completions(policy, prompts, Sampling(12, seed=3), n=2)
    assert not any("forward" in vars(module) for module in policy.base.modules())
