"""A folder whose weights and configuration disagree is refused, so that half a model is never trained."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from posttrain.errors import InputError
from posttrain.policy.load import Task, load_policy
from posttrain.policy.open import open_policy
from posttrain.policy.options import PolicyOptions
from tiny_models import BRANCHING, save_model


@pytest.fixture(params=["llama", "gpt2"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(save_model(tmp_path / "model", BRANCHING[request.param]))


def change_tensor(folder: Path, part: str, value: torch.Tensor | float) -> None:
    tensors = load_file(folder / "model.safetensors")
    name = next(key for key in tensors if part in key and tensors[key].ndim == 2)
    tensors[name] = value if isinstance(value, torch.Tensor) else tensors[name].index_fill(0, torch.tensor([1]), value)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize("task", ["causal", "score"])
@pytest.mark.parametrize("layers", [0, 1])
def test_more_layers_than_the_configuration_has_are_refused(layers: int, task: Task, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    key = "n_layer" if "n_layer" in config else "num_hidden_layers"
    (folder / "config.json").write_text(json.dumps({**config, key: layers}))
    with pytest.raises(InputError, match=f"num_hidden_layers: {layers}, and the weights hold layer {layers}"):
        load_policy(str(folder), task=task)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("part", ["embed", "wte", "q_proj", "c_attn"])
def test_weights_that_are_not_finite_are_refused_by_name(part: str, value: float, tmp_path: Path) -> None:
    kind = "gpt2" if part in {"wte", "c_attn"} else "llama"
    folder = Path(save_model(tmp_path / "model", BRANCHING[kind]))
    change_tensor(folder, part, value)
    with pytest.raises(InputError, match=rf"{part}.*weight holds values that are not finite"):
        load_policy(str(folder))


def test_whole_numbers_where_floats_belong_are_refused(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    name = next(key for key in tensors if tensors[key].ndim == 2)
    save_file({**tensors, name: tensors[name].to(torch.int8)}, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match=rf"{name} is stored as I8"):
        load_policy(str(folder))


def test_half_precision_is_no_other_type(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    save_file({k: v.bfloat16() for k, v in tensors.items()}, folder / "model.safetensors", {"format": "pt"})
    assert load_policy(str(folder)).left_over == ()


def test_what_the_model_has_no_place_for_is_named(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    save_file({**tensors, "v_head.weight": torch.ones(1, 32)}, folder / "model.safetensors", {"format": "pt"})
    notes: list[str] = []
    open_policy(str(folder), PolicyOptions(), on_note=notes.append)
    assert any("v_head.weight" in note for note in notes)
    notes.clear()
    open_policy(str(folder), PolicyOptions(), task="score", on_note=notes.append)
    assert not any("lm_head" in note for note in notes), "a reward model has no use for the head that writes"


@pytest.mark.parametrize("listed", [True, False], ids=["merges as lists", "merges as texts"])
def test_a_merge_that_the_vocabulary_lacks_is_named(listed: bool, tmp_path: Path) -> None:
    folder = Path(save_model(tmp_path / "model", BRANCHING["llama"]))
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    merges = [["a", "b"], ["a", "c"]]
    tokenizer["model"]["vocab"] |= {"ab": 34}
    tokenizer["model"]["merges"] = merges if listed else [" ".join(merge) for merge in merges]
    path.write_text(json.dumps(tokenizer))
    with pytest.raises(InputError, match=r"tokenizer\.json: merge 2 \('a c'\) needs 'ac'"):
        load_policy(str(folder))


@pytest.mark.parametrize(
    ("text", "problem"),
    [('{"version": "1.0", "mod', r"not JSON \(.*damaged"), ("{}", "has no `model`"), ("[]", "has no `model`")],
)
def test_a_tokenizer_file_that_is_cut_or_of_another_kind_is_named(text: str, problem: str, tmp_path: Path) -> None:
    folder = Path(save_model(tmp_path / "model", BRANCHING["llama"]))
    (folder / "tokenizer.json").write_text(text)
    with pytest.raises(InputError, match=r"the tokenizer cannot be loaded \(tokenizer\.json: " + problem):
        load_policy(str(folder))
