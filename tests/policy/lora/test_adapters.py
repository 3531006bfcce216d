"""A policy with disabled adapters is its reference; with enabled ones it equals peft's model."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from peft.tuners.lora.layer import Linear
from torch import Tensor

from posttrain.core.packing import Batch, collate
from posttrain.errors import InputError
from posttrain.policy.forward import forward
from posttrain.policy.load import Policy, load_policy
from posttrain.policy.lora.adapters import add_lora
from posttrain.policy.lora.attach import attach
from posttrain.policy.lora.folder import adapter_in
from posttrain.policy.lora.fused_linear import FusedLinear
from posttrain.policy.options import LoraOptions
from posttrain.policy.probe import settle_layout
from tiny_models import BRANCHING, assert_same_gradients, gradients, groups_of, one_by_one, plain, save_scored

pytestmark = pytest.mark.filterwarnings(
    "ignore:.is_gradient_checkpointing. is deprecated", "ignore:fan_in_fan_out", "ignore:Model has .tie_word_embeddings"
)
FolderOf = Callable[[str], str]


def batch_of() -> Batch:
    return collate(groups_of(np.random.default_rng(0)))


def logp_of(policy: Policy, batch: Batch) -> Tensor:
    logp_N = forward(policy, batch, {"logp"}).logp_N
    assert logp_N is not None
    return logp_N


def adapted(folder: str, options: LoraOptions, *, learnt: float = 0.1) -> Policy:
    """A policy with a trained adapter, since a fresh one has no effect."""
    policy = load_policy(folder)
    settle_layout(policy)
    add_lora(policy, options)
    generator = torch.Generator().manual_seed(1)
    for parameter in policy.model.parameters():
        if parameter.requires_grad:
            parameter.data += learnt * torch.randn(parameter.shape, generator=generator)
    return policy


@pytest.mark.parametrize(
    ("name", "extra"),
    [("llama", ()), ("llama", ("lm_head",)), ("gemma2", ()), ("gpt2", ()), ("phi3", ("lm_head",))],
)
def test_with_the_adapter_off_the_log_probs_are_the_base_models(
    name: str, extra: tuple[str, ...], folder_of: FolderOf
) -> None:
    batch = batch_of()
    base = load_policy(folder_of(name))
    policy = adapted(folder_of(name), LoraOptions(rank=4, modules_to_save=extra))
    with policy.model.disable_adapter():
        off = logp_of(policy, batch)
    assert off.equal(logp_of(base, batch))
    assert not logp_of(policy, batch).allclose(off, atol=0.1)


@pytest.mark.parametrize("name", ["llama", "gemma2", "gpt2"])
def test_with_the_adapter_on_they_are_those_of_peft_one_text_a_call(name: str, folder_of: FolderOf) -> None:
    batch = batch_of()
    policy = adapted(folder_of(name), LoraOptions(rank=4))
    logp_N = logp_of(policy, batch)
    policy.base.set_attn_implementation("eager")
    expected, _ = one_by_one(policy.model, batch)
    torch.testing.assert_close(logp_N, expected, atol=1e-4, rtol=0)


def test_an_output_layer_trained_as_a_whole_is_used_and_learns(folder_of: FolderOf) -> None:
    batch = batch_of()
    policy = adapted(folder_of("llama"), LoraOptions(rank=4, modules_to_save=("lm_head",)))
    logp_N = logp_of(policy, batch)
    reached = [name for name, gradient in gradients(policy.model, logp_N.sum()) if gradient.any()]
    assert any("lm_head.modules_to_save" in name for name in reached)
    policy.base.set_attn_implementation("eager")
    torch.testing.assert_close(logp_N, one_by_one(policy.model, batch)[0], atol=1e-4, rtol=0)


def test_only_the_adapter_is_trained_and_a_fresh_one_changes_nothing(folder_of: FolderOf) -> None:
    batch = batch_of()
    base = load_policy(folder_of("llama"))
    policy = adapted(folder_of("llama"), LoraOptions(rank=4), learnt=0.0)
    assert logp_of(policy, batch).equal(logp_of(base, batch))
    reached = {name for name, _ in gradients(policy.model, logp_of(policy, batch).sum())}
    assert reached == {name for name, p in policy.model.named_parameters() if p.requires_grad}
    assert reached
    assert all("lora_" in name for name in reached)


def test_adapters_of_a_bfloat16_base_are_float32(folder_of: FolderOf) -> None:
    policy = load_policy(folder_of("llama"), dtype=torch.bfloat16)
    add_lora(policy, LoraOptions(rank=4))
    dtypes = {(p.dtype, p.requires_grad) for p in policy.model.parameters()}
    assert dtypes == {(torch.bfloat16, False), (torch.float32, True)}


def test_a_reward_models_head_is_trained_as_a_whole_beside_the_adapter(tmp_path: Path) -> None:
    policy = load_policy(save_scored(tmp_path, BRANCHING["llama"]), task="score")
    settle_layout(policy)
    batch = batch_of()
    before = forward(policy, batch, {"score"}).score_C
    add_lora(policy, LoraOptions(rank=4))
    score = forward(policy, batch, {"score"}).score_C
    assert before is not None
    assert score is not None
    assert score.equal(before)
    reached = {name for name, gradient in gradients(policy.model, score.sum()) if gradient.any()}
    assert any("score.modules_to_save" in name for name in reached)
    assert any("lora_B" in name for name in reached)


def test_a_merged_adapter_gives_the_same_log_probs_without_peft(folder_of: FolderOf, tmp_path: Path) -> None:
    batch = batch_of()
    policy = adapted(folder_of("llama"), LoraOptions(rank=4))
    policy.model.save_pretrained(tmp_path)
    merged = load_policy(folder_of("llama"))
    adapter = adapter_in(str(tmp_path))
    assert adapter is not None
    attach(merged, adapter, merge=True)
    assert type(merged.model) is type(plain(folder_of("llama")))
    torch.testing.assert_close(logp_of(merged, batch), logp_of(policy, batch), atol=1e-4, rtol=0)


def test_an_adapter_on_the_output_layer_is_refused(folder_of: FolderOf) -> None:
    """Log-probs are computed from its weight alone, so an adapter would be ignored silently."""
    with pytest.raises(InputError, match=r"lora\.target_modules: the output layer"):
        add_lora(load_policy(folder_of("llama")), LoraOptions(target_modules=("q_proj", "lm_head")))


@pytest.mark.parametrize(
    "options",
    [
        LoraOptions(modules_to_save=("embed_tokens",)),
        LoraOptions(modules_to_save=("lm_head",)),
        LoraOptions(target_modules=("q_proj", "embed_tokens")),
        LoraOptions(target_modules=("q_proj", "lm_head")),
    ],
)
def test_one_half_of_a_tied_pair_is_not_trained_alone(options: LoraOptions, folder_of: FolderOf) -> None:
    with pytest.raises(InputError, match="are one matrix"):
        add_lora(load_policy(folder_of("llama, tied")), options)


def test_a_layer_that_is_not_there_is_one_sentence(folder_of: FolderOf) -> None:
    with pytest.raises(InputError, match=r"lora\.target_modules: .*no_such_layer"):
        add_lora(load_policy(folder_of("llama")), LoraOptions(target_modules=("no_such_layer",)))


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_the_fused_forward_pass_is_peft_s_own(name: str, folder_of: FolderOf) -> None:
    """Values and gradients equal those of peft's layers."""
    batch, policy = batch_of(), adapted(folder_of(name), LoraOptions(rank=4))
    logp_N = logp_of(policy, batch)
    gradients_found = list(gradients(policy.model, logp_N.sum()))
    fused = [module for module in policy.model.modules() if isinstance(module, FusedLinear)]
    assert fused
    for module in fused:
        module.__class__ = Linear  # type: ignore[assignment]
    expected = logp_of(policy, batch)
    torch.testing.assert_close(logp_N, expected, atol=1e-5, rtol=1e-5)
    assert_same_gradients(gradients_found, list(gradients(policy.model, expected.sum())), 1e-5)
