"""An exported folder gives the values of the model it comes from, to tools that know nothing of posttrain."""

import json
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from byte_model import save_byte_model
from posttrain.errors import InputError, RunError
from posttrain.export import folder as export_module
from posttrain.export import merged as merged_module
from posttrain.export.folder import export_folder
from posttrain.export.options import Export
from posttrain.files import is_sound

TOKENS = torch.tensor([[1, 4, 40, 41, 42, 2, 5, 50]])


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(TOKENS).logits.float()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = save_byte_model(tmp_path / "base")
    (folder / "LICENSE").write_text("free for all\n")
    return folder


@pytest.fixture
def adapter(base: Path, tmp_path: Path) -> Path:
    torch.manual_seed(1)
    settings = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), settings)
    model.save_pretrained(tmp_path / "adapter")
    AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path / "adapter")
    (tmp_path / "adapter/README.md").unlink()
    return tmp_path / "adapter"


def trained(base: Path, adapter: Path) -> torch.nn.Module:
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    return PeftModel.from_pretrained(plain, adapter).eval()


def test_merged_weights_give_the_adapters_logits_in_plain_transformers(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    expected = logits(trained(base, adapter))
    assert (expected - logits(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32))).abs().max() > 0.1
    export_folder(str(adapter), tmp_path / "out", Export())
    assert torch.allclose(logits(AutoModelForCausalLM.from_pretrained(tmp_path / "out")), expected, atol=1e-5)
    assert is_sound(tmp_path / "out")
    assert (tmp_path / "out/LICENSE").read_text() == "free for all\n"
    kept, written = (AutoTokenizer.from_pretrained(f).chat_template for f in (base, tmp_path / "out"))
    assert kept == written


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_narrower_dtype_is_that_of_the_files(adapter: Path, base: Path, tmp_path: Path, dtype: str) -> None:
    export_folder(str(adapter), tmp_path / "out", Export(dtype=dtype))  # type: ignore[arg-type]
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert model.dtype == getattr(torch, dtype)
    assert (logits(model) - logits(trained(base, adapter))).abs().mean() < 0.05


@pytest.mark.parametrize(("shrink", "noted"), [(1.0, False), (1e-3, True)])
def test_rounding_as_large_as_what_training_changed_is_noted(
    base: Path, adapter: Path, tmp_path: Path, shrink: float, noted: bool
) -> None:
    weights = load_file(adapter / "adapter_model.safetensors")
    save_file({name: shrink * tensor for name, tensor in weights.items()}, adapter / "adapter_model.safetensors")
    notes: list[str] = []
    export_folder(str(adapter), tmp_path / "narrow", Export(dtype="bfloat16"), notes.append)
    assert any("rounding to bfloat16 moves them" in sentence for sentence in notes) == noted
    notes.clear()
    export_folder(str(adapter), tmp_path / "exact", Export(dtype="float32"), notes.append)
    assert not notes


def test_large_weights_are_several_files(base: Path, tmp_path: Path) -> None:
    export_folder(str(base), tmp_path / "out", Export(shard_size="60KB"))
    assert len(list((tmp_path / "out").glob("model-*.safetensors"))) > 1
    whole = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    assert torch.equal(logits(AutoModelForCausalLM.from_pretrained(tmp_path / "out")), logits(whole))


def test_an_adapter_names_the_base_of_its_reader(base: Path, adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name it for the reader with --base"):
        export_folder(str(adapter), tmp_path / "out", Export(adapter=True))
    assert not (tmp_path / "out").exists()
    export_folder(str(adapter), tmp_path / "out", Export(adapter=True, base="org/base"))
    config = json.loads((tmp_path / "out/adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "org/base"
    assert torch.equal(logits(trained(base, tmp_path / "out")), logits(trained(base, adapter)))
    with pytest.raises(InputError, match="is a complete model, no adapter"):
        export_folder(str(base), tmp_path / "other", Export(adapter=True))


def test_no_file_names_a_path_of_this_machine(adapter: Path, tmp_path: Path) -> None:
    export_folder(str(adapter), tmp_path / "merged", Export(card="the card"))
    export_folder(str(adapter), tmp_path / "kept", Export(adapter=True, base="org/base"))
    for path in [*(tmp_path / "merged").iterdir(), *(tmp_path / "kept").iterdir()]:
        assert str(tmp_path).encode() not in path.read_bytes(), path.name
    assert (tmp_path / "merged/README.md").read_text() == "the card"


def test_a_reward_model_keeps_its_head(base: Path, tmp_path: Path) -> None:
    torch.manual_seed(2)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1, dtype=torch.float32)
    model.config.pad_token_id = 0
    model.save_pretrained(tmp_path / "reward")
    AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path / "reward")
    export_folder(str(tmp_path / "reward"), tmp_path / "out", Export())
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
    assert torch.allclose(logits(again), logits(model.eval()), atol=1e-5)


def test_what_exists_is_never_overwritten_and_a_failure_leaves_nothing(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match="is there already"):
        export_folder(str(base), tmp_path / "mine", Export())

    def fails(*_: object, **__: object) -> None:
        raise RunError("differs")

    monkeypatch.setattr(export_module, "seal", fails)
    with pytest.raises(RunError):
        export_folder(str(base), tmp_path / "out", Export())
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("out")]


def test_the_licence_of_a_base_in_the_hubs_cache_goes_along(
    base: Path, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, revision = tmp_path / "hub/models--some--base", "0" * 40
    (repository / "refs").mkdir(parents=True)
    (repository / "refs/main").write_text(revision)
    (repository / "snapshots").mkdir()
    base.rename(repository / "snapshots" / revision)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": "some/base"}))
    notes: list[str] = []
    export_folder(str(adapter), tmp_path / "out", Export(adapter=True), notes.append)
    assert (tmp_path / "out/LICENSE").read_text() == "free for all\n"
    assert not notes


def test_a_missing_licence_is_told(tmp_path: Path) -> None:
    said: list[str] = []
    export_folder(str(save_byte_model(tmp_path / "m")), tmp_path / "out", Export(), said.append)
    assert any("no licence file was found" in sentence for sentence in said)


def test_the_merged_model_ends_where_training_did(adapter: Path, tmp_path: Path) -> None:
    (adapter / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, 5]}))
    export_folder(str(adapter), tmp_path / "out", Export())
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "out").generation_config.eos_token_id == [2, 5]


def test_a_wrong_merge_is_found(adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def other(place: str, *arguments: object, **options: object) -> object:
        policy = open_policy(place, *arguments, **options)  # type: ignore[arg-type]
        with torch.no_grad():
            policy.base.get_input_embeddings().weight *= 1.5
        return policy

    open_policy = merged_module.open_policy
    monkeypatch.setattr(merged_module, "open_policy", other)
    with pytest.raises(RunError, match="its values differ"):
        export_folder(str(adapter), tmp_path / "out", Export())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("size", ["5", "5G", "", "many"])
def test_a_wrong_size_of_files_is_refused_before_anything_is_loaded(tmp_path: Path, size: str) -> None:
    with pytest.raises(InputError, match="such as 500MB or 5GB"):
        export_folder("nothing", tmp_path / "out", Export(shard_size=size))
