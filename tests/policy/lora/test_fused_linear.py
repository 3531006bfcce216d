"""A layer fused with its adapters computes what peft's layers compute, and rounds once."""

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from posttrain.policy.lora.fused_linear import FusedLinear, fuse_adapters

RANK = 4


def layer_with_adapter(size: float, *, bias: bool = False) -> Any:
    """A layer in bfloat16 whose outputs are about 1, and an adapter whose update is about `size`."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 256, bias=bias)).bfloat16()
    nn.init.normal_(model[0].weight, std=1 / 8)
    adapted: Any = get_peft_model(model, LoraConfig(target_modules=["0"], r=RANK, lora_alpha=RANK))  # type: ignore[arg-type]
    layer = adapted.base_model.model[0]
    nn.init.normal_(layer.lora_A["default"].weight, std=1 / 8)
    nn.init.normal_(layer.lora_B["default"].weight, std=size / 2)
    return layer


@torch.no_grad()
def kept(layer: Any, x: torch.Tensor) -> float:
    """The share of the update that the layer's rounded outputs hold."""
    update = x.double() @ layer.lora_A["default"].weight.double().T @ layer.lora_B["default"].weight.double().T
    change = layer(x).double() - x.double() @ layer.base_layer.weight.double().T
    return float((change * update).sum() / update.square().sum())


@pytest.mark.parametrize(("size", "of_peft"), [(1e-2, 1.0), (1e-3, 0.52), (3e-4, 0.17)])
def test_a_small_update_that_peft_rounds_away_is_kept(size: float, of_peft: float) -> None:
    layer, x = layer_with_adapter(size), torch.randn(2048, 64).bfloat16()
    assert kept(layer, x) == pytest.approx(of_peft, abs=0.05)
    fuse_adapters(layer)
    assert isinstance(layer, FusedLinear)
    assert kept(layer, x) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("bias", [False, True])
def test_it_is_the_base_layer_while_adapters_are_disabled_or_merged(bias: bool) -> None:
    layer, x = layer_with_adapter(0.1, bias=bias), torch.randn(8, 64).bfloat16()
    plain = layer.base_layer(x)
    fuse_adapters(layer)
    layer.enable_adapters(False)
    assert torch.equal(layer(x), plain)
    layer.enable_adapters(True)
    fused = layer(x)
    assert not torch.equal(fused, plain)
    layer.merge()
    torch.testing.assert_close(layer(x), fused, atol=0.02, rtol=0.02)
    summed, _ = layer.summed()
    assert torch.equal(summed.bfloat16(), layer.base_layer.weight), "merged weights hold the update"
    layer.unmerge()
    torch.testing.assert_close(layer(x), fused, atol=0.02, rtol=0.02)


def test_an_adapter_of_another_kind_keeps_peft_s_forward_pass() -> None:
    model = nn.Sequential(nn.Linear(64, 256))
    adapted: Any = get_peft_model(model, LoraConfig(target_modules=["0"], use_dora=True))  # type: ignore[arg-type]
    fuse_adapters(adapted)
    assert not any(isinstance(module, FusedLinear) for module in adapted.modules())
