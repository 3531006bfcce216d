"""A stage that starts from an adapter trains a new one on top, trains the same one further, or merges it first."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from torch import Tensor

from posttrain.core.packing import collate
from posttrain.errors import InputError
from posttrain.policy.load import Policy
from posttrain.policy.lora.merged import merged_weights
from posttrain.policy.open import open_policy
from posttrain.policy.options import LoraOptions, PolicyOptions
from posttrain.policy.reference_model import frozen_logprobs
from posttrain.policy.save import save_policy
from posttrain.policy.verify import values_in_memory
from tiny_models import BRANCHING, groups_of, one_by_one, plain, save_model

pytestmark = pytest.mark.filterwarnings("ignore")
GROUPS = groups_of(np.random.default_rng(0))
BATCH = collate(GROUPS)
FIRST: dict[str, LoraOptions] = {
    "plain": LoraOptions(rank=4),
    "dora": LoraOptions(rank=4, dora=True),
    "pissa": LoraOptions(rank=4, start="pissa"),
    "rslora": LoraOptions(rank=4, rslora=True),
}
SECOND: dict[str, LoraOptions] = {
    "stack": LoraOptions(rank=3, rslora=True),
    "stack, pissa": LoraOptions(rank=3, start="pissa"),
    "continue": LoraOptions(earlier="continue"),
    "merge": LoraOptions(rank=3, earlier="merge"),
    "merge, dora": LoraOptions(rank=3, earlier="merge", dora=True, modules_to_save=("norm",)),
    "merge, pissa": LoraOptions(rank=3, earlier="merge", start="pissa"),
}


def learn(policy: Policy, seed: int = 5) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in policy.model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)


def by_other_tools(base: str, folder: Path) -> Tensor:
    """The log-probs from peft, or from transformers if the folder holds a complete model."""
    adapter = (folder / "adapter_config.json").is_file()
    return one_by_one(PeftModel.from_pretrained(plain(base), str(folder)) if adapter else plain(str(folder)), BATCH)[0]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_model(tmp_path_factory.mktemp("model"), BRANCHING["llama"])


@pytest.fixture(scope="module")
def adapters(base: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A trained adapter of each kind."""
    folders: dict[str, Path] = {}
    for name, lora in FIRST.items():
        policy = open_policy(base, PolicyOptions(lora=lora))
        learn(policy)
        folders[name] = tmp_path_factory.mktemp("adapters") / name
        save_policy(policy, folders[name])
    return folders


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *(("plain", second) for second in SECOND),
        *((first, second) for first in ("pissa", "rslora") for second in ("stack", "continue")),
        *(("dora", second) for second in ("continue", "merge")),
    ],
)
def test_it_starts_from_the_adapter_learns_and_is_saved_as_trained(
    first: str, second: str, base: str, adapters: dict[str, Path], tmp_path: Path
) -> None:
    start = by_other_tools(base, adapters[first])
    policy = open_policy(str(adapters[first]), PolicyOptions(lora=SECOND[second]))
    torch.testing.assert_close(torch.from_numpy(values_in_memory(policy, GROUPS)), start, atol=1e-4, rtol=2e-4)
    learn(policy, 6)
    now = torch.from_numpy(values_in_memory(policy, GROUPS))
    assert float((now - start).abs().max()) > 1e-2
    reference = frozen_logprobs(policy, None, row_tokens=64, temperature=1.0)(GROUPS)
    torch.testing.assert_close(torch.from_numpy(np.concatenate(reference)), start, atol=1e-4, rtol=2e-4)
    merged = plain(base)
    merged.load_state_dict(dict(merged_weights(policy)))
    torch.testing.assert_close(one_by_one(merged, BATCH)[0], now, atol=1e-4, rtol=2e-4)
    save_policy(policy, tmp_path / "saved", verify_on=GROUPS)
    assert (tmp_path / "saved/adapter_config.json").is_file() != second.startswith("merge")
    torch.testing.assert_close(by_other_tools(base, tmp_path / "saved"), now, atol=1e-4, rtol=2e-4)


def test_continuing_trains_the_same_values_with_the_same_rank(base: str, adapters: dict[str, Path]) -> None:
    policy = open_policy(str(adapters["plain"]), PolicyOptions(lora=SECOND["continue"], precision="bfloat16"))
    trained = {name: p for name, p in policy.model.named_parameters() if p.requires_grad}
    assert all(".lora_A.default." in name or ".lora_B.default." in name for name in trained)
    assert {p.dtype for p in trained.values()} == {torch.float32}
    assert {min(p.shape) for p in trained.values()} == {4}


def test_a_merge_is_in_float32_whatever_the_precision(base: str, adapters: dict[str, Path]) -> None:
    options = PolicyOptions(lora=SECOND["merge"], precision="bfloat16")
    policy = open_policy(str(adapters["plain"]), options)
    assert {p.dtype for p in policy.model.parameters()} == {torch.float32}
    exact = replace(policy, autocast=None)
    expected = by_other_tools(base, adapters["plain"]).numpy()
    np.testing.assert_allclose(values_in_memory(exact, GROUPS), expected, atol=1e-4)


@pytest.mark.parametrize("lora", [LoraOptions(dora=True), LoraOptions(target_parameters=("mlp.up_proj.weight",))])
def test_a_kind_that_cannot_be_added_to_another_adapter_is_refused(
    lora: LoraOptions, adapters: dict[str, Path]
) -> None:
    with pytest.raises(InputError, match=r"lora\.(dora|target_parameters): .* set `earlier: merge`"):
        open_policy(str(adapters["plain"]), PolicyOptions(lora=lora))


def test_nothing_is_trained_on_top_of_dora(adapters: dict[str, Path]) -> None:
    with pytest.raises(InputError, match=r"since it uses use_dora; set `earlier: merge` in `lora`"):
        open_policy(str(adapters["dora"]), PolicyOptions(lora=LoraOptions()))


@pytest.mark.parametrize("how", ["continue", "merge"])
def test_a_complete_model_has_no_earlier_adapter(how: str, base: str) -> None:
    lora = LoraOptions.model_validate({"earlier": how})
    with pytest.raises(InputError, match=rf"lora\.earlier: {how} needs an adapter to start from"):
        open_policy(base, PolicyOptions(lora=lora))


def test_an_adapter_without_the_head_to_train_is_not_continued(adapters: dict[str, Path]) -> None:
    with pytest.raises(InputError, match="the model to train has another head; set `earlier: merge`"):
        open_policy(str(adapters["plain"]), PolicyOptions(lora=SECOND["continue"]), task="score")
