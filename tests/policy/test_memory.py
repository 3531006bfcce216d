"""Estimates from the shape alone, compared with the memory of real models."""

from pathlib import Path
from typing import Any

import pytest

from byte_model import save_byte_model
from posttrain.policy.load import load_policy
from posttrain.policy.lora.adapters import add_lora
from posttrain.policy.memory import estimate, fitting_row
from posttrain.policy.options import LoraOptions, PolicyOptions
from posttrain.policy.shape import model_shape
from posttrain.policy.shard import local_parameters
from tiny_models import COMMON, save_model


@pytest.mark.parametrize("lora", [None, LoraOptions(rank=4), LoraOptions(rank=4, dora=True)])
def test_weights_and_optimizer_are_counted_exactly(lora: LoraOptions | None, tmp_path: Path) -> None:
    name = str(save_byte_model(tmp_path / "model"))
    policy = load_policy(name)
    if lora is not None:
        add_lora(policy, lora)
    parts = estimate(model_shape(name), PolicyOptions(lora=lora), row_tokens=100, scored=False)
    assert parts["weights"] == sum(4 * p.numel() for p in policy.model.parameters())
    assert parts["optimizer"] == sum(8 * p.numel() for p in local_parameters(policy).values())


def test_expert_weights_with_adapters_are_counted_exactly_and_their_sums_too(tmp_path: Path) -> None:
    """The backward pass keeps the sum of base and update of each expert weight; the largest one has a gradient."""
    name = save_model(tmp_path, {"model_type": "mixtral", **COMMON, "num_local_experts": 4, "num_experts_per_tok": 2})
    lora = LoraOptions(rank=2, target_parameters=("experts.gate_up_proj", "experts.down_proj"))
    policy = load_policy(name)
    add_lora(policy, lora)
    parts = estimate(model_shape(name), PolicyOptions(lora=lora), row_tokens=100, scored=True)
    assert parts["optimizer"] == sum(8 * p.numel() for p in local_parameters(policy).values())
    sums = [p.numel() for n, p in policy.base.named_parameters() if ".mlp." in n and ".lora_" not in n]
    linear = estimate(model_shape(name), PolicyOptions(), row_tokens=100, scored=True)
    assert parts["activations"] - linear["activations"] == 4 * (sum(sums) + max(sums))


def test_an_adapter_with_first_values_is_held_twice(tmp_path: Path) -> None:
    name = str(save_byte_model(tmp_path / "model"))
    kinds = (LoraOptions(rank=4), LoraOptions(rank=4, start="pissa"))
    once, twice = (estimate(model_shape(name), PolicyOptions(lora=k), row_tokens=1, scored=True) for k in kinds)
    assert twice["weights"] - once["weights"] == once["gradients"]


@pytest.mark.parametrize(
    ("lora", "narrow"),
    [
        (None, False),
        (LoraOptions(rank=4), False),
        (LoraOptions(rank=4, dora=True), False),
        (LoraOptions(rank=4), True),
        (LoraOptions(rank=4, dora=True), True),
    ],
)
def test_activations_are_of_the_size_that_a_backward_pass_keeps(
    lora: LoraOptions | None, narrow: bool, tmp_path: Path
) -> None:
    import numpy as np
    import torch

    from posttrain.core.packing import collate
    from posttrain.policy.forward import backbone_of, mixed, packed_hidden
    from structures import random_group

    name = str(save_byte_model(tmp_path / "model"))
    dtype = torch.bfloat16 if narrow else torch.float32
    policy = load_policy(name, dtype=dtype, autocast=dtype if narrow else None)
    if lora is not None:
        add_lora(policy, lora)
    batch = collate([random_group(np.random.default_rng(n), 50, [50]) for n in range(2)])
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with mixed(policy), torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        hidden = packed_hidden(backbone_of(policy.base), batch)
    own = {p.untyped_storage().data_ptr() for p in policy.model.parameters()}
    held = sum(size for pointer, size in kept.items() if pointer not in own)
    parts = estimate(model_shape(name), PolicyOptions(lora=lora), row_tokens=200, scored=True, narrow=narrow)
    assert hidden.requires_grad
    assert 0.8 < parts["activations"] / held < 1.25


def test_rows_are_as_long_as_a_gibibyte_of_activations_lets_them() -> None:
    from transformers import LlamaConfig

    def of(width: int, device: str = "cpu", narrow: bool = False, **options: Any) -> int:
        config = LlamaConfig(hidden_size=width, intermediate_size=4 * width, num_hidden_layers=24)
        return fitting_row(config, PolicyOptions(**options), device, narrow=narrow)

    assert of(64) == 2048
    assert 256 < of(896) < 512
    assert of(896) * 4 * 24 * 27 * 896 <= 2**30
    assert of(8192) == 256, "shorter rows would only make matrix products slow"
    assert of(896, gradient_checkpointing=True) == 2048
    assert of(896, "cuda") > 2048
    assert of(896, narrow=True) == of(896), "the activations of weights that are trained are in float32"
    assert 1.5 * of(896) < of(896, narrow=True, lora=LoraOptions()) < 2.5 * of(896)
