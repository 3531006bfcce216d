"""Adapters of any tool: training continues from one that fits its base; another is refused in one sentence."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import IA3Config, LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

from posttrain.core.packing import collate
from posttrain.errors import InputError
from posttrain.policy.load import Policy, load_policy
from posttrain.policy.lora.merged import merged_weights
from posttrain.policy.open import open_policy
from posttrain.policy.options import LoraOptions, PolicyOptions
from posttrain.policy.reference_model import frozen_logprobs
from posttrain.policy.save import save_policy
from posttrain.policy.verify import values_in_memory
from structures import random_group
from tiny_models import BRANCHING, groups_of, one_by_one, plain, save_model, save_tokenizer

pytestmark = pytest.mark.filterwarnings("ignore")
GROUPS = groups_of(np.random.default_rng(0))
LORA = PolicyOptions(lora=LoraOptions(rank=3))
ALL = PolicyOptions()


@pytest.fixture
def base(tmp_path: Path) -> str:
    return save_model(tmp_path / "base", BRANCHING["llama"])


def save_adapter(base: str, folder: Path, config: Any = None, *, tokenizer: bool = True) -> Path:
    """An adapter folder that peft wrote, with values that change the model's outputs."""
    torch.manual_seed(1)
    model = get_peft_model(plain(base), config or LoraConfig(r=4, target_modules=["q_proj", "down_proj"]))
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    if tokenizer:
        save_tokenizer(folder)
    return folder


def learn(policy: Policy) -> None:
    generator = torch.Generator().manual_seed(5)
    for parameter in policy.model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)


def by_peft(base: str, folder: Path) -> torch.Tensor:
    """The log-probs of the loss tokens, with one text per call, from peft's loader."""
    model = PeftModel.from_pretrained(plain(base), str(folder)).eval()
    return one_by_one(model, collate(GROUPS))[0]


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma2", "phi3"])
@pytest.mark.parametrize("options", [LORA, ALL], ids=["a further adapter", "all weights"])
def test_a_stage_starts_from_the_adapter_and_saves_both_updates(
    name: str, options: PolicyOptions, tmp_path: Path
) -> None:
    base = save_model(tmp_path / "base", BRANCHING.get(name, BRANCHING["llama"]))
    targets = {"gpt2": ["c_attn"], "phi3": ["qkv_proj"]}.get(name, ["q_proj", "v_proj"])
    folder = save_adapter(base, tmp_path / "adapter", LoraConfig(r=4, lora_alpha=3, target_modules=targets))
    policy = open_policy(str(folder), options)
    start = values_in_memory(policy, GROUPS)
    assert torch.allclose(torch.from_numpy(start), by_peft(base, folder), atol=1e-4)
    assert any(p.requires_grad for p in policy.model.parameters())
    learn(policy)
    now = values_in_memory(policy, GROUPS)
    assert np.abs(now - start).max() > 1e-2
    save_policy(policy, tmp_path / "saved")
    if options is LORA:
        values = by_peft(base, tmp_path / "saved")
        assert json.loads((tmp_path / "saved/adapter_config.json").read_text())["base_model_name_or_path"] == base
    else:
        values = one_by_one(plain(str(tmp_path / "saved")), collate(GROUPS))[0]
    assert torch.allclose(values, torch.from_numpy(now), atol=1e-4)


def test_the_reference_of_a_further_adapter_is_the_earlier_one(base: str, tmp_path: Path) -> None:
    """The reference is not the base of both adapters. The call leaves adapters and trained parameters as they were."""
    folder = save_adapter(
        base, tmp_path / "adapter", LoraConfig(r=2, target_modules=["q_proj"], modules_to_save=["norm"])
    )
    policy = open_policy(str(folder), LORA)
    trained = {name for name, p in policy.model.named_parameters() if p.requires_grad}
    assert trained
    assert all("default" in name for name in trained)
    learn(policy)
    now = values_in_memory(policy, GROUPS)
    reference = frozen_logprobs(policy, None, row_tokens=64, temperature=1.0)(GROUPS)
    assert torch.allclose(torch.from_numpy(np.concatenate(reference)), by_peft(base, folder), atol=1e-4)
    assert np.array_equal(values_in_memory(policy, GROUPS), now)
    assert {name for name, p in policy.model.named_parameters() if p.requires_grad} == trained


def test_another_engine_gets_both_updates(base: str, tmp_path: Path) -> None:
    policy = open_policy(str(save_adapter(base, tmp_path / "adapter")), LORA)
    learn(policy)
    model = plain(base)
    model.load_state_dict(dict(merged_weights(policy)))
    values = one_by_one(model, collate(GROUPS))[0]
    assert torch.allclose(values, torch.from_numpy(values_in_memory(policy, GROUPS)), atol=1e-4)


def test_a_bfloat16_base_does_not_round_the_earlier_adapter_away(base: str, tmp_path: Path) -> None:
    """A merge into bfloat16 weights would lose an update smaller than their last digit."""
    folder = save_adapter(base, tmp_path / "adapter")
    tensors = {key: value * 0.02 for key, value in load_file(folder / "adapter_model.safetensors").items()}
    save_file(tensors, folder / "adapter_model.safetensors")
    policy = open_policy(str(folder), PolicyOptions(lora=LoraOptions(rank=2), precision="bfloat16"))
    save_policy(policy, tmp_path / "saved")
    assert torch.allclose(by_peft(base, tmp_path / "saved"), by_peft(base, folder), atol=1e-5)


def test_a_reward_model_starts_from_an_adapter_that_writes(base: str, tmp_path: Path) -> None:
    """The trunk below the scalar head is the same with a separate and with a merged adapter."""
    folder = save_adapter(base, tmp_path / "adapter")
    groups = [random_group(np.random.default_rng(0), 5, [4, 7])]
    apart, merged = (open_policy(str(folder), options, task="score") for options in (LORA, ALL))
    for head in (apart.base.score.modules_to_save["default"], merged.base.score):
        torch.nn.init.ones_(head.weight)
    values, expected = values_in_memory(apart, groups), values_in_memory(merged, groups)
    assert np.abs(expected).max() > 0.1
    assert np.allclose(values, expected, atol=1e-4)


def test_without_a_tokenizer_of_its_own_it_uses_the_base_s(base: str, tmp_path: Path) -> None:
    folder = save_adapter(base, tmp_path / "adapter", tokenizer=False)
    assert open_policy(str(folder), LORA).tokenizer.get_vocab() == load_policy(base).tokenizer.get_vocab()


def pickled(folder: Path, base: Path) -> None:
    torch.save(load_file(folder / "adapter_model.safetensors"), folder / "adapter_model.bin")
    (folder / "adapter_model.safetensors").unlink()


def other_base(folder: Path, base: Path) -> None:
    settings = {**BRANCHING["llama"], "hidden_size": 16, "intermediate_size": 24}
    set_config(folder, base_model_name_or_path=save_model(base.with_name("other"), settings))


def other_rank(folder: Path, base: Path) -> None:
    set_config(folder, r=9)


def other_layers(folder: Path, base: Path) -> None:
    set_config(folder, target_modules=["k_proj"])


def not_finite(folder: Path, base: Path) -> None:
    tensors = load_file(folder / "adapter_model.safetensors")
    tensors[next(iter(tensors))][0, 0] = float("nan")
    save_file(tensors, folder / "adapter_model.safetensors")


def no_base(folder: Path, base: Path) -> None:
    set_config(folder, base_model_name_or_path=None)


def cut(folder: Path, base: Path) -> None:
    (folder / "adapter_config.json").write_text("{")


def set_config(folder: Path, **values: object) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize("options", [LORA, ALL], ids=["lora", "all weights"])
@pytest.mark.parametrize("spoil", [pickled, other_base, other_rank, other_layers, not_finite, no_base, cut])
def test_a_spoilt_adapter_is_one_sentence_that_names_its_folder(
    spoil: Any, options: PolicyOptions, base: str, tmp_path: Path
) -> None:
    folder = save_adapter(base, tmp_path / "adapter")
    spoil(folder, Path(base))
    with pytest.raises(InputError, match=str(folder)):
        open_policy(str(folder), options)


@pytest.mark.parametrize(
    "config",
    [
        LoraConfig(r=2, target_modules=["q_proj"], use_dora=True),
        LoraConfig(r=2, target_modules=["q_proj"], bias="all"),
        IA3Config(target_modules=["v_proj", "down_proj"], feedforward_modules=["down_proj"]),
    ],
    ids=["DoRA", "biases", "IA3"],
)
def test_other_kinds_of_adapters_can_be_merged_and_not_trained_on_top_of(config: Any, tmp_path: Path) -> None:
    base = save_model(tmp_path / "base", {**BRANCHING["llama"], "attention_bias": True})
    folder = save_adapter(base, tmp_path / "adapter", config)
    policy = open_policy(str(folder), ALL)
    assert torch.allclose(torch.from_numpy(values_in_memory(policy, GROUPS)), by_peft(base, folder), atol=1e-4)
    with pytest.raises(InputError, match="`lora`"):
        open_policy(str(folder), LORA)


@pytest.mark.parametrize("options", [LORA, ALL], ids=["lora", "all weights"])
def test_an_adapter_on_one_half_of_a_tied_pair_is_refused(options: PolicyOptions, tmp_path: Path) -> None:
    base = save_model(tmp_path / "base", BRANCHING["llama, tied"])
    folder = save_adapter(base, tmp_path / "adapter", LoraConfig(r=2, target_modules=["q_proj", "embed_tokens"]))
    with pytest.raises(InputError, match="one matrix"):
        open_policy(str(folder), options)
