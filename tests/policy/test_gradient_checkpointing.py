"""Gradient checkpointing: only as many layers as needed run twice, and the gradients stay the same."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers.modeling_layers import GradientCheckpointingLayer

from posttrain.core.group import Group
from posttrain.errors import InputError
from posttrain.objectives.options import BradleyTerryOptions
from posttrain.objectives.reward import reward_objective
from posttrain.objectives.sft import SFT
from posttrain.policy.load import Policy
from posttrain.policy.open import open_policy
from posttrain.policy.options import LoraOptions, PolicyOptions
from posttrain.train.step import accumulate, evaluate
from structures import random_group
from tiny_models import BRANCHING, LONE, assert_same_gradients, save_model

GROUPS = [random_group(np.random.default_rng(n), 12, [20, 24]) for n in range(3)]
TOKENS = sum(group.size for group in GROUPS)
DROPS = dict.fromkeys(("dropout", "attention_dropout", "attn_pdrop", "resid_pdrop", "hidden_dropout"), 0.5)


def opened(folder: str, checkpointing: bool | str, **options: object) -> Policy:
    values = {"gradient_checkpointing": checkpointing, "device": "cpu", "precision": "float32", **options}
    return open_policy(folder, PolicyOptions.model_validate(values))


def step(policy: Policy, groups: list[Group], row_tokens: int) -> tuple[list[tuple[str, Tensor]], int]:
    """The step's gradients, and the number of layer runs."""
    runs: list[int] = []
    layers = [m for m in policy.base.modules() if isinstance(m, GradientCheckpointingLayer)]
    hooks = [next(layer.children()).register_forward_hook(lambda *_: runs.append(1)) for layer in layers]
    accumulate(policy, SFT, groups, row_tokens)
    for hook in hooks:
        hook.remove()
    return [(n, p.grad.clone()) for n, p in policy.model.named_parameters() if p.grad is not None], len(runs)


@pytest.mark.parametrize("name", ["llama", "gemma2", "gpt2", "gpt_neox", "opt", "phi3, longrope", "bloom (ALiBi)"])
def test_layers_run_again_in_the_backward_pass_and_give_the_same_gradients(name: str, tmp_path: Path) -> None:
    """This holds for configurations with dropout too, which stays off."""
    folder = save_model(tmp_path, {**(BRANCHING | LONE)[name], **DROPS})
    expected, once = step(opened(folder, False), GROUPS, TOKENS)
    values, runs = step(opened(folder, True), GROUPS, TOKENS)
    assert runs == 2 * once
    assert_same_gradients(values, expected, 1e-5)


def test_evaluation_runs_them_once(tmp_path: Path) -> None:
    policy = opened(save_model(tmp_path, BRANCHING["llama"]), True)
    runs: list[int] = []
    policy.base.model.layers[0].input_layernorm.register_forward_hook(lambda *_: runs.append(1))
    evaluate(policy, SFT, GROUPS, TOKENS)
    assert len(runs) == 1


def kept(policy: Policy, groups: list[Group], row_tokens: int) -> int:
    """Bytes of activations that a step's forward pass keeps for its backward pass."""
    held: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        held[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        accumulate(policy, SFT, groups, row_tokens)
    own = {p.untyped_storage().data_ptr() for p in policy.model.parameters()}
    return sum(size for pointer, size in held.items() if pointer not in own)


def test_a_row_longer_than_row_tokens_keeps_about_as_much_as_one_of_that_length(tmp_path: Path) -> None:
    settings = {**BRANCHING["llama"], "num_hidden_layers": 12}
    folder, group = save_model(tmp_path, settings), [random_group(np.random.default_rng(0), 60, [140])]
    whole, half, tenth = (kept(opened(folder, "auto"), group, tokens) for tokens in (200, 100, 20))
    assert kept(opened(folder, False), group, 20) == whole
    assert 0.4 < half / whole < 0.65
    assert tenth / whole < 0.3


@pytest.mark.parametrize("lora", [None, {"rank": 4}])
def test_long_rows_and_short_ones_have_the_same_gradients(lora: dict[str, int] | None, tmp_path: Path) -> None:
    """The activations that are computed again are equal bit for bit."""
    folder = save_model(tmp_path, BRANCHING["llama, tied"])
    torch.manual_seed(0)
    expected, once = step(opened(folder, False, lora=lora and LoraOptions(**lora)), GROUPS, 40)
    torch.manual_seed(0)
    values, runs = step(opened(folder, "auto", lora=lora and LoraOptions(**lora)), GROUPS, 40)
    assert once < runs <= 2 * once
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(values, expected, strict=True))


def test_a_step_without_a_loss_on_text_leaves_dense_gradients_for_the_optimiser(tmp_path: Path) -> None:
    """The embedding's gradient is sparse only within a pass."""
    folder = save_model(tmp_path, BRANCHING["llama"])
    policy = open_policy(folder, PolicyOptions(device="cpu", precision="float32"), task="score")
    torch.nn.init.normal_(policy.base.score.weight)
    rng = np.random.default_rng(0)
    pairs = [random_group(rng, 6, [5, 9]) for _ in range(2)]
    accumulate(policy, reward_objective(BradleyTerryOptions()), pairs, 30)
    gradient = policy.base.get_input_embeddings().weight.grad
    assert gradient is not None
    assert not gradient.is_sparse
    assert gradient.any()
    assert not policy.base.get_input_embeddings().sparse


def test_an_architecture_without_it_is_an_error_only_if_the_recipe_wants_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import LlamaForCausalLM

    folder = save_model(tmp_path, BRANCHING["llama"])
    monkeypatch.setattr(LlamaForCausalLM, "supports_gradient_checkpointing", False)
    assert opened(folder, "auto").recompute == "never"
    with pytest.raises(InputError, match=r"^gradient_checkpointing: LlamaForCausalLM .*remove"):
        opened(folder, True)
