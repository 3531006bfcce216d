"""The probe compares a model with itself, whatever its architecture's name."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from posttrain.core import attention
from posttrain.core.packing import collate
from posttrain.errors import InputError
from posttrain.policy import probe
from posttrain.policy.forward import forward
from posttrain.policy.load import load_policy
from posttrain.policy.probe import settle_layout
from tiny_models import BRANCHING, COMMON, LONE, gradients, groups_of, one_by_one, plain, save_model, save_scored

FolderOf = Callable[[str], str]


def test_a_model_that_branches_is_left_as_it_was(folder_of: FolderOf) -> None:
    policy = load_policy(folder_of("gemma2"))
    before = [parameter.clone() for parameter in policy.model.parameters()]
    assert settle_layout(policy) is None
    assert policy.branching
    assert policy.base.config._attn_implementation == attention.NAME
    assert all(a.equal(b) for a, b in zip(before, policy.model.parameters(), strict=True))
    assert all(parameter.grad is None and parameter.requires_grad for parameter in policy.model.parameters())


@pytest.mark.parametrize("name", ["mistral, window 4", "gemma3", "phi3, window 4"])
def test_windows_are_those_of_the_model_again_after_the_probe(name: str, folder_of: FolderOf) -> None:
    policy = load_policy(folder_of(name))
    settle_layout(policy)
    assert policy.base.config.sliding_window == 4
    widths = {getattr(module, "sliding_window", None) for module in policy.base.modules()}
    assert widths <= {None, 4}


def test_a_wide_window_in_the_attention_call_does_not_prevent_branching(tmp_path: Path) -> None:
    folder = save_model(tmp_path, {"model_type": "mistral", **COMMON, "sliding_window": 100})
    policy = load_policy(folder)
    assert settle_layout(policy) is None


@pytest.mark.parametrize("padded", [False, True])
def test_a_transform_of_the_logits_that_is_not_known_is_refused(padded: bool, folder_of: FolderOf) -> None:
    policy = load_policy(folder_of("llama"), padded=padded)
    policy.base.lm_head.register_forward_hook(lambda module, args, logits: 1.3 * logits)
    with pytest.raises(InputError, match="LlamaForCausalLM: its final layer transforms the logits"):
        settle_layout(policy)


def test_an_architecture_with_such_a_transform_is_refused(tmp_path: Path) -> None:
    """ModernBERT's decoder has another layer and an activation before its output layer."""
    settings = {"model_type": "modernbert-decoder", **COMMON, "local_attention": 8}
    settings.pop("num_key_value_heads")
    policy = load_policy(save_model(tmp_path, settings))
    with pytest.raises(InputError, match="ModernBertDecoderForCausalLM: its final layer"):
        settle_layout(policy)


@pytest.mark.parametrize("name", ["cohere", "granite", "gemma2"])
def test_scales_and_caps_of_known_architectures_are_applied(name: str, folder_of: FolderOf) -> None:
    """They have an effect: without them the log-probs would differ."""
    policy = load_policy(folder_of(name))
    assert settle_layout(policy) is None
    batch = collate(groups_of(np.random.default_rng(0)))
    expected, _ = one_by_one(plain(folder_of(name)), batch)
    for key, without in (("logit_scale", 1.0), ("logits_scaling", 1.0), ("final_logit_softcapping", None)):
        if getattr(policy.base.config, key, None) is not None:
            setattr(policy.base.config, key, without)
    bare = forward(policy, batch, {"logp"}).logp_N
    assert bare is not None
    assert (bare - expected).abs().max() > 0.01


def test_tokens_that_leak_between_branches_end_branching(folder_of: FolderOf) -> None:
    """An attention that ignores the layout, as a patched or remote model may have."""
    policy = load_policy(folder_of("llama"))
    for layer in policy.base.model.layers:
        layer.self_attn.register_forward_hook(lambda module, args, out: (out[0].cumsum(1), *out[1:]))
    sentence = settle_layout(policy)
    assert sentence is not None
    assert "cannot share a prompt" in sentence
    assert not policy.branching


@pytest.mark.parametrize("name", ["bloom (ALiBi)", "gptj (attention of its own)"])
def test_a_reward_model_that_cannot_branch_still_scores(name: str, tmp_path: Path) -> None:
    policy = load_policy(save_scored(tmp_path, LONE[name]), task="score")
    assert settle_layout(policy) is not None
    batch = collate(groups_of(np.random.default_rng(0)))
    score = forward(policy, batch, {"score"}).score_C
    assert score is not None
    assert all(gradient.isfinite().all() for _, gradient in gradients(policy.model, score.sum()))


def test_a_bfloat16_model_passes_though_it_rounds(tmp_path: Path) -> None:
    for name in ("llama", "gemma2", "gpt2"):
        folder = save_model(tmp_path / name, BRANCHING[name])
        assert settle_layout(load_policy(folder, dtype=torch.bfloat16)) is None


def test_a_bfloat16_model_that_cannot_branch_does_not_pass_as_rounding(folder_of: FolderOf) -> None:
    for name in LONE:
        assert settle_layout(load_policy(folder_of(name), dtype=torch.bfloat16)) is not None, name


def test_a_narrow_model_that_rounding_sets_apart_on_one_sample_still_branches(
    folder_of: FolderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SmolLM2 after SFT in bfloat16 does so: rounding grows over thirty layers on some random tokens."""
    real, samples = probe._branches, iter((False, True))
    monkeypatch.setattr(probe, "_branches", lambda policy, batch: next(samples) and real(policy, batch))
    policy = load_policy(folder_of("llama"), dtype=torch.bfloat16)
    assert settle_layout(policy) is None
    assert policy.branching


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", LONE)
def test_a_model_that_cannot_branch_is_found_in_any_dtype(name: str, dtype: torch.dtype, folder_of: FolderOf) -> None:
    policy = load_policy(folder_of(name), dtype=dtype)
    assert settle_layout(policy) is not None
    assert not policy.branching
