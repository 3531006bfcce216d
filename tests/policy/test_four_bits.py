"""A frozen base in 4 bits, on a CPU: its products are those of the dequantized weights, and adapters learn on it.

The reference dequantizes every weight with bitsandbytes and trains the same adapter with plain products.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from posttrain.core.packing import collate
from posttrain.errors import InputError
from posttrain.policy.forward import forward
from posttrain.policy.load import Policy, load_policy
from posttrain.policy.lora.adapters import add_lora
from posttrain.policy.open import open_policy
from posttrain.policy.options import LoraOptions, PolicyOptions
from posttrain.policy.save import save_policy
from tiny_models import BRANCHING, COMMON, groups_of, save_model

pytestmark = pytest.mark.filterwarnings("ignore")

GROUPS = groups_of(np.random.default_rng(0))
BATCH = collate(GROUPS)
WIDE: dict[str, Any] = {**BRANCHING["llama"], **COMMON, "hidden_size": 64, "intermediate_size": 128}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_model(tmp_path_factory.mktemp("model"), WIDE)


def in_four_bits(folder: str, **lora: Any) -> Policy:
    options = PolicyOptions(lora=LoraOptions(rank=4, **lora), quantization="4bit", precision="float32", device="cpu")
    return open_policy(folder, options)


def dequantized(folder: str) -> Policy:
    """The base whose linear weights went through 4 bits and back."""
    from bitsandbytes.functional import dequantize_4bit

    quantized = dict(in_four_bits(folder).base.named_parameters())
    plain = load_policy(folder)
    for name, parameter in plain.model.named_parameters():
        four = (
            quantized.get(name) if name in quantized else quantized.get(name.replace(".weight", ".base_layer.weight"))
        )
        assert four is not None, name
        if four.dtype == torch.uint8:
            parameter.data = dequantize_4bit(four.data, four.quant_state).float()  # type: ignore[attr-defined]
    add_lora(plain, LoraOptions(rank=4))
    return plain


def log_probs(policy: Policy) -> torch.Tensor:
    found = forward(policy, BATCH, {"logp"}).logp_N
    assert found is not None
    return found


def test_log_probs_and_gradients_are_those_of_the_dequantized_weights(folder: str) -> None:
    four, plain = in_four_bits(folder), dequantized(folder)
    linear = [p for name, p in four.base.named_parameters() if "base_layer.weight" in name]
    assert linear
    assert all(p.dtype == torch.uint8 for p in linear)
    found: list[list[torch.Tensor]] = []
    for policy in (four, plain):
        for (name, parameter), (_, other) in zip(
            policy.model.named_parameters(), plain.model.named_parameters(), strict=True
        ):
            if ".lora_" in name:
                parameter.data = 0.1 * torch.randn(other.shape, generator=torch.Generator().manual_seed(len(name)))
        logp_N = log_probs(policy)
        logp_N.sum().backward()
        trained = [p.grad for name, p in policy.model.named_parameters() if ".lora_" in name and p.grad is not None]
        found.append([logp_N.detach(), *trained])
    assert len(found[0]) == len(found[1]) > 4
    for ours, theirs in zip(*found, strict=True):
        assert ours.numpy() == pytest.approx(theirs.numpy(), abs=2e-4)


def test_loftq_makes_up_for_a_part_of_the_quantization(folder: str) -> None:
    exact = log_probs(load_policy(folder)).detach()
    errors = [
        float((log_probs(in_four_bits(folder, start=start)).detach() - exact).abs().mean())
        for start in ("default", "loftq")
    ]
    assert errors[1] < errors[0]


def test_memory_of_the_base_is_a_quarter_of_a_narrow_one(folder: str) -> None:
    linear = [p for name, p in in_four_bits(folder).base.named_parameters() if "base_layer.weight" in name]
    values = sum(
        p.numel() for name, p in load_policy(folder).model.named_parameters() if "proj" in name and p.ndim == 2
    )
    assert sum(p.numel() for p in linear) == values // 2, "two values a byte"


def test_the_saved_adapter_gives_the_same_log_probs_on_the_base_in_4_bits(folder: str, tmp_path: Path) -> None:
    policy = in_four_bits(folder)
    for name, parameter in policy.model.named_parameters():
        if ".lora_B." in name:
            parameter.data = 0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(len(name)))
    policy.end_tokens = (1,)
    before = log_probs(policy).detach()
    save_policy(policy, tmp_path / "saved", verify_on=GROUPS)
    options = PolicyOptions(quantization="4bit", lora=LoraOptions(earlier="continue"), precision="float32")
    assert log_probs(open_policy(str(tmp_path / "saved"), options)).detach().numpy() == pytest.approx(
        before.numpy(), abs=1e-4
    )
    base = log_probs(open_policy(folder, PolicyOptions(precision="float32"), train=False)).detach()
    assert (base - before).abs().mean() > 0.01, "on the base in full precision it gives others"


def test_loftq_is_saved_for_the_base_in_full_precision(folder: str, tmp_path: Path) -> None:
    policy, notes = in_four_bits(folder, start="loftq"), list[str]()
    policy.end_tokens = (1,)
    save_policy(policy, tmp_path / "saved", verify_on=GROUPS, on_note=notes.append)
    assert any("for the base in full precision" in note for note in notes)
    full = PolicyOptions(precision="float32")
    saved, base = (log_probs(open_policy(name, full, train=False)) for name in (str(tmp_path / "saved"), folder))
    assert saved.detach().numpy() == pytest.approx(base.detach().numpy(), abs=1e-4), "untrained, it changes nothing"


def test_a_missing_folder_is_still_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        in_four_bits(str(tmp_path / "nowhere"))
