"""Every kind of adapter: log-probs, gradients and the saved folder equal those of peft, and the paper's formula."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel
from pydantic import ValidationError
from torch import Tensor

from posttrain.core.packing import collate
from posttrain.errors import InputError
from posttrain.policy.forward import forward
from posttrain.policy.load import Policy, load_policy
from posttrain.policy.lora.adapters import add_lora
from posttrain.policy.lora.loftq import start_from_error
from posttrain.policy.lora.merged import merged_weights
from posttrain.policy.open import open_policy
from posttrain.policy.options import LoraOptions, PolicyOptions
from posttrain.policy.reference_model import frozen_logprobs
from posttrain.policy.save import save_policy
from posttrain.policy.verify import values_in_memory
from tiny_models import BRANCHING, COMMON, assert_same_gradients, gradients, groups_of, one_by_one, plain, save_model

pytestmark = pytest.mark.filterwarnings("ignore")
GROUPS = groups_of(np.random.default_rng(0))
BATCH = collate(GROUPS)
EXPERTS = ("experts.gate_up_proj", "experts.down_proj")
MIXTRAL: dict[str, Any] = {"model_type": "mixtral", **COMMON, "num_local_experts": 4, "num_experts_per_tok": 2}
KINDS: dict[str, LoraOptions] = {
    "rslora": LoraOptions(rank=4, rslora=True),
    "dora": LoraOptions(rank=4, dora=True),
    "rslora and dora": LoraOptions(rank=4, rslora=True, dora=True),
    "pissa": LoraOptions(rank=4, start="pissa"),
    "rslora and pissa": LoraOptions(rank=4, rslora=True, start="pissa", alpha=3.0),
    "experts": LoraOptions(rank=2, target_parameters=EXPERTS),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    made = {"llama": BRANCHING["llama"], "gpt2": BRANCHING["gpt2"], "mixtral": MIXTRAL}
    return {name: save_model(tmp_path_factory.mktemp("model"), settings) for name, settings in made.items()}


def folder_for(kind: str, folders: dict[str, str]) -> str:
    return folders["mixtral" if kind == "experts" else "llama"]


def learn(policy: Policy) -> None:
    generator = torch.Generator().manual_seed(5)
    for parameter in policy.model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)


def packed(policy: Policy) -> Tensor:
    logp_N = forward(policy, BATCH, {"logp"}).logp_N
    assert logp_N is not None
    return logp_N


def by_peft(base: str, folder: Path) -> Tensor:
    return one_by_one(PeftModel.from_pretrained(plain(base), str(folder)).eval(), BATCH)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_packed_log_probs_and_gradients_are_those_of_one_text_a_call(kind: str, folders: dict[str, str]) -> None:
    policy = open_policy(folder_for(kind, folders), PolicyOptions(lora=KINDS[kind]))
    learn(policy)
    assert policy.branching
    logp_N = packed(policy)
    found = list(gradients(policy.model, logp_N.sum()))
    policy.base.set_attn_implementation("eager")
    for module in policy.model.modules():  # peft's own forward pass
        if getattr(module, "lora_variant", None) and not any(module.use_dora.values()):
            module.lora_variant.clear()
    expected, _ = one_by_one(policy.model, BATCH)
    torch.testing.assert_close(logp_N, expected, atol=1e-4, rtol=0)
    assert_same_gradients(found, list(gradients(policy.model, expected.sum())), 1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_saved_folder_on_the_original_base_is_the_trained_model(
    kind: str, folders: dict[str, str], tmp_path: Path
) -> None:
    base = folder_for(kind, folders)
    start = one_by_one(plain(base), BATCH)[0]
    policy = open_policy(base, PolicyOptions(lora=KINDS[kind]))
    torch.testing.assert_close(packed(policy).detach(), start, atol=1e-4, rtol=0)
    learn(policy)
    now = torch.from_numpy(values_in_memory(policy, GROUPS))
    assert float((now - start).abs().max()) > 1e-2
    reference = frozen_logprobs(policy, None, row_tokens=64, temperature=1.0)(GROUPS)
    torch.testing.assert_close(torch.from_numpy(np.concatenate(reference)), start, atol=1e-4, rtol=0)
    assert np.array_equal(values_in_memory(policy, GROUPS), now.numpy())
    merged = plain(base)
    merged.load_state_dict(dict(merged_weights(policy)))
    torch.testing.assert_close(one_by_one(merged, BATCH)[0], now, atol=1e-4, rtol=0)
    save_policy(policy, tmp_path / "saved", verify_on=GROUPS)
    torch.testing.assert_close(by_peft(base, tmp_path / "saved"), now, atol=1e-4, rtol=0)


def test_rslora_divides_by_the_root_of_the_rank_and_dora_sets_the_norm_of_each_row(folders: dict[str, str]) -> None:
    """arXiv:2312.03732, eq. 5; arXiv:2402.09353, eq. 5: W' = m (W + s B A) / |W + s B A|, row by row of peft's W."""
    weight = dict(plain(folders["llama"]).named_parameters())["model.layers.0.mlp.up_proj.weight"]
    for kind, scale in (("rslora", 32 / math.sqrt(4)), ("dora", 32 / 4), ("rslora and dora", 32 / math.sqrt(4))):
        policy = open_policy(folders["llama"], PolicyOptions(lora=KINDS[kind]))
        learn(policy)
        layer = policy.base.model.layers[0].mlp.up_proj
        expected = weight + scale * layer.lora_B["default"].weight @ layer.lora_A["default"].weight
        if "dora" in kind:
            magnitude = layer.lora_magnitude_vector["default"].weight
            expected = magnitude[:, None] * expected / expected.norm(dim=1, keepdim=True)
        found = dict(merged_weights(policy))["model.layers.0.mlp.up_proj.weight"]
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_pissa_starts_with_the_principal_components_and_the_base_keeps_the_rest(folders: dict[str, str]) -> None:
    """arXiv:2404.02948, eq. 2 to 4; the saved adapter has twice the rank."""
    weight = dict(plain(folders["llama"]).named_parameters())["model.layers.0.mlp.up_proj.weight"].detach().numpy()
    policy = open_policy(folders["llama"], PolicyOptions(lora=KINDS["rslora and pissa"]))
    layer = policy.base.model.layers[0].mlp.up_proj
    s = np.linalg.svd(weight, compute_uv=False)
    update = 3 / math.sqrt(4) * (layer.lora_B["default"].weight @ layer.lora_A["default"].weight).detach().numpy()
    assert np.linalg.norm(update) == pytest.approx(math.sqrt((s[:4] ** 2).sum()), rel=1e-3)
    assert np.linalg.norm(weight - update) == pytest.approx(math.sqrt((s[4:] ** 2).sum()), rel=1e-3)
    np.testing.assert_allclose(layer.base_layer.weight.detach().numpy() + update, weight, atol=1e-5)


def test_pissa_starts_alike_bit_for_bit_whatever_numbers_were_drawn_before(folders: dict[str, str]) -> None:
    """A resumed run computes the base's rest again, and reads the adapter from the checkpoint."""
    first, again = (open_policy(folders["llama"], PolicyOptions(lora=KINDS["pissa"]), seed=3) for _ in range(2))
    other = open_policy(folders["llama"], PolicyOptions(lora=KINDS["pissa"]), seed=4)
    for (name, a), b in zip(first.model.named_parameters(), again.model.parameters(), strict=True):
        assert torch.equal(a, b), name
    assert not all(map(torch.equal, first.model.parameters(), other.model.parameters()))


def test_a_pissa_adapter_is_saved_as_plain_lora_of_twice_the_rank(folders: dict[str, str], tmp_path: Path) -> None:
    policy = open_policy(folders["llama"], PolicyOptions(lora=KINDS["pissa"]))
    learn(policy)
    save_policy(policy, tmp_path / "saved")
    config = json.loads((tmp_path / "saved/adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["use_rslora"]) == (8, 8, False)
    assert config["init_lora_weights"] is True


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_loftq_starts_with_the_error_of_the_quantized_base(name: str, folders: dict[str, str], tmp_path: Path) -> None:
    """The quantized base is imitated by weights rounded to quarters. The saved adapter is for the base before it."""
    policy, original = load_policy(folders[name]), plain(folders[name])
    targets = {"llama": "up_proj", "gpt2": "c_fc"}[name]
    for key, module in policy.base.named_modules():
        if key.endswith(targets):
            module.weight.data = (module.weight.data * 4).round() / 4
    rounded = torch.from_numpy(values_in_memory(policy, GROUPS))
    exact = one_by_one(original, BATCH)[0]
    add_lora(policy, LoraOptions(rank=12, target_modules=(targets,)))
    start_from_error(policy, original)
    layer = next(m for key, m in policy.base.named_modules() if key.endswith(targets))
    first = next(key for key, _ in policy.base.named_modules() if key.endswith(targets))
    error = (original.get_submodule(first).weight - layer.base_layer.weight).detach().numpy()
    s = np.linalg.svd(error, compute_uv=False)
    left = error - layer.get_delta_weight("default").detach().numpy()
    assert np.linalg.norm(left) == pytest.approx(math.sqrt((s[12:] ** 2).sum()), rel=1e-4)
    start = torch.from_numpy(values_in_memory(policy, GROUPS))
    assert float((start - exact).abs().mean()) < 0.7 * float((rounded - exact).abs().mean())
    save_policy(policy, tmp_path / "saved")
    torch.testing.assert_close(by_peft(folders[name], tmp_path / "saved"), exact, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"lora": {"dora": True, "start": "pissa"}}, "`dora` has no `start: pissa`"),
        ({"lora": {"dora": True, "target_parameters": ["x"]}}, "works with plain LoRA only; remove it or `dora`"),
        ({"lora": {"start": "pissa", "target_parameters": ["x"]}}, "remove it or `start: pissa`"),
        ({"lora": {"earlier": "continue", "rank": 4}}, "remove `rank`, or set `earlier: stack`"),
        ({"lora": {"start": "loftq"}}, "set `quantization: 4bit`"),
        ({"lora": {"start": "pissa"}, "quantization": "4bit"}, "set `start: loftq`"),
        ({"lora": {"earlier": "merge"}, "quantization": "4bit"}, "`earlier: merge` changes the base"),
        ({"lora": {"target_parameters": ["x"]}, "quantization": "4bit"}, "needs weights in full precision"),
    ],
)
def test_options_that_exclude_each_other_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        PolicyOptions.model_validate(options)


@pytest.mark.parametrize(
    ("lora", "named"),
    [
        (LoraOptions(start="pissa"), r"lora\.start: pissa needs linear layers"),
        (LoraOptions(dora=True), r"lora\.target_modules: .*use_dora"),
    ],
)
def test_experts_have_plain_adapters_only(lora: LoraOptions, named: str, folders: dict[str, str]) -> None:
    with pytest.raises(InputError, match=named):
        open_policy(folders["mixtral"], PolicyOptions(lora=lora))


@pytest.mark.parametrize(
    ("lora", "named"),
    [
        (LoraOptions(target_parameters=("no.such_weight",)), r"lora\.target_parameters: .*no\.such_weight"),
        (LoraOptions(start="pissa", rank=64), r"lora\.rank: "),
    ],
)
def test_an_adapter_that_does_not_fit_the_model_is_one_sentence(
    lora: LoraOptions, named: str, folders: dict[str, str]
) -> None:
    with pytest.raises(InputError, match=named):
        open_policy(folders["llama"], PolicyOptions(lora=lora))
