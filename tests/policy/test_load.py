"""A model folder is loaded exactly, or refused in one sentence with the reason."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from posttrain.errors import InputError
from posttrain.policy.load import load_policy
from tiny_models import BRANCHING, COMMON, plain, save_model, save_scored, save_tokenizer

LLAMA = BRANCHING["llama"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_model(tmp_path / "model", LLAMA)
    return tmp_path / "model"


def refusal(path: Path, **options: object) -> str:
    """The sentence that refuses a folder."""
    with pytest.raises(InputError) as caught:
        load_policy(str(path), **options)  # type: ignore[arg-type]
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def edit(path: Path, **changes: object) -> None:
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, **changes}))


def test_weights_are_those_of_the_folder_in_eval_mode_and_float32(folder: Path) -> None:
    policy = load_policy(str(folder))
    saved = load_file(folder / "model.safetensors")
    loaded = policy.model.state_dict()
    assert loaded.keys() == saved.keys()
    assert all(loaded[name].equal(saved[name]) for name in saved)
    assert {p.dtype for p in policy.model.parameters()} == {torch.float32}
    assert not policy.model.training
    assert policy.device.type == "cpu"
    assert policy.base is policy.model


def test_a_missing_folder(tmp_path: Path) -> None:
    assert "no such model folder" in refusal(tmp_path / "absent")


def test_a_file_instead_of_a_folder(folder: Path) -> None:
    assert "this is a file" in refusal(folder / "model.safetensors")


def test_a_folder_without_configuration(folder: Path) -> None:
    (folder / "config.json").unlink()
    assert "no config.json" in refusal(folder)


def test_a_folder_without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert "no model.safetensors" in refusal(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "consolidated.00.pth"])
def test_pickled_weights_are_never_opened(folder: Path, name: str) -> None:
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(b"cposix\nsystem\n(S'false'\ntR.")
    assert f"only pickled weights ({name})" in refusal(folder)


def test_a_truncated_weights_file(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    assert "the model cannot be loaded" in refusal(folder)


def test_weights_that_are_missing_are_not_drawn_at_random(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    for name in ("model.layers.1.mlp.up_proj.weight", "lm_head.weight"):
        del weights[name]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    message = refusal(folder)
    assert "its weights lack lm_head.weight and 1 more" in message
    assert "another kind of model" in message


def test_weights_of_another_shape(folder: Path) -> None:
    edit(folder / "config.json", intermediate_size=40)
    assert "the model cannot be loaded" in refusal(folder)


def test_a_tied_output_layer_is_not_missing(tmp_path: Path) -> None:
    name = save_model(tmp_path, BRANCHING["llama, tied"])
    assert "lm_head.weight" not in load_file(tmp_path / "model.safetensors")
    model = load_policy(name).model
    assert model.lm_head.weight is model.model.embed_tokens.weight


def test_an_unknown_architecture(folder: Path) -> None:
    edit(folder / "config.json", model_type="no_such_architecture")
    assert "no_such_architecture" in refusal(folder)


def test_a_damaged_configuration(folder: Path) -> None:
    (folder / "config.json").write_text("{ damaged")
    assert "cannot be loaded" in refusal(folder)


@pytest.mark.parametrize("content", [b"", b"{ damaged", b"\xff\xfe\x00"])
def test_a_damaged_tokenizer(folder: Path, content: bytes) -> None:
    (folder / "tokenizer.json").write_bytes(content)
    assert "the tokenizer cannot be loaded" in refusal(folder)


def test_a_missing_tokenizer(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()
    assert "okenizer" in refusal(folder)


def test_a_tokenizer_larger_than_the_embedding(folder: Path) -> None:
    save_tokenizer(folder, tokens=65)
    assert "the tokenizer has 65 tokens, the embedding only 64 rows" in refusal(folder)


def test_the_code_of_a_model_runs_only_if_the_recipe_trusts_it(folder: Path, tmp_path: Path) -> None:
    (folder / "modeling_x.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    edit(
        folder / "config.json",
        model_type="of_its_own",
        auto_map={"AutoConfig": "modeling_x.C", "AutoModelForCausalLM": "modeling_x.M"},
    )
    refusal(folder)
    assert not (tmp_path / "ran").exists()


def test_four_bits_need_bitsandbytes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posttrain.policy.load.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'posttrain\[bitsandbytes\]'"):
        load_policy(str(folder), quantization="4bit")


def test_every_token_that_ends_a_completion_is_found_once(folder: Path) -> None:
    """Tokenizer, configuration and generation configuration each name another token."""
    edit(folder / "config.json", eos_token_id=[7, 1])
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [5, 7]}))
    assert load_policy(str(folder)).end_tokens == (1, 5, 7)
    (folder / "generation_config.json").unlink()
    assert load_policy(str(folder)).end_tokens == (1, 7)


@pytest.mark.parametrize("name", ["llama", "gemma2", "gpt2", "gpt_neox", "opt"])
def test_a_new_scalar_head_follows_from_the_seed_on_unchanged_weights(name: str, tmp_path: Path) -> None:
    path = save_model(tmp_path, BRANCHING[name])
    policy = load_policy(path, task="score", seed=3)
    head = policy.base.score.weight
    assert head.shape[0] == 1
    deviation = getattr(policy.base.config, "initializer_range", 0.02)
    assert head.std().item() == pytest.approx(deviation, rel=0.5)
    torch.manual_seed(99)  # whatever was drawn before
    assert load_policy(path, task="score", seed=3).base.score.weight.equal(head)
    assert not load_policy(path, task="score", seed=4).base.score.weight.equal(head)
    assert not load_policy(path, task="score").base.score.weight.any(), "a head that is not trained gives no score"
    causal = plain(path).base_model.state_dict()
    loaded = policy.base.base_model.state_dict()
    assert causal.keys() == loaded.keys()
    assert all(loaded[key].equal(causal[key]) for key in causal)


def test_a_trained_scalar_head_is_kept(tmp_path: Path) -> None:
    policy = load_policy(save_scored(tmp_path, LLAMA), task="score")
    assert policy.base.score.weight.equal(load_file(tmp_path / "model.safetensors")["score.weight"])
    assert policy.base.score.weight.any()


def test_a_reward_model_is_not_loaded_as_a_language_model(tmp_path: Path) -> None:
    save_scored(tmp_path / "reward", LLAMA)
    assert "its weights lack lm_head.weight" in refusal(tmp_path / "reward")


def test_an_architecture_that_cannot_score_is_refused(tmp_path: Path) -> None:
    settings = {"model_type": "mamba", "vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 1, "state_size": 4}
    save_model(tmp_path / "model", settings)
    assert "cannot be loaded" in refusal(tmp_path / "model", task="score")


def test_a_copy_of_a_folder_is_the_same_model(folder: Path, tmp_path: Path) -> None:
    """The folder's name does not matter."""
    shutil.copytree(folder, tmp_path / "renamed")
    one, other = (load_policy(str(path)).model.state_dict() for path in (folder, tmp_path / "renamed"))
    assert all(one[name].equal(other[name]) for name in one)


def test_missing_layers_of_a_reward_model_are_not_drawn_at_random(tmp_path: Path) -> None:
    save_model(tmp_path / "model", {"model_type": "llama", **COMMON})
    path = tmp_path / "model" / "model.safetensors"
    weights = load_file(path)
    del weights["model.norm.weight"]
    save_file(weights, path, {"format": "pt"})
    assert "its weights lack model.norm.weight" in refusal(tmp_path / "model", task="score")
