"""A GGUF file that transformers reads back gives the model's logits and tokens, or it is not written."""

import json
import re
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers.models import BPE
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast
from transformers.integrations.gguf import convert_gguf_tokenizer, get_gguf_tokenizer

from byte_model import TEMPLATE, save_byte_model
from command_line import Posttrain
from posttrain.errors import InputError, RunError
from posttrain.export import gguf as gguf_module
from posttrain.export.folder import export_folder
from posttrain.export.gguf_tokens import RULES, WORDS, add_tokenizer, rule_of
from posttrain.export.options import Export, GgufType
from posttrain.files import is_sound
from run_folders import put_run

TOKENS = torch.tensor([[1, 40, 41, 42, 265, 5, 270]])
SHAPE = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
MARKS = ["<pad>", "<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>"]
WORD_SPLIT = pre_tokenizers.Sequence(
    [
        pre_tokenizers.Split(Regex(WORDS % r"\p{N}"), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]
)


def save_tokenizer(folder: Path, split: Any = WORD_SPLIT) -> int:
    """A byte-level BPE with merges, learnt from a sentence; the number of its tokens."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = split, decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=MARKS, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(
        ["Which of these folders holds the model? The one whose log-probs equal them."] * 3, trainer
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", chat_template=TEMPLATE
    )
    fast.save_pretrained(folder)
    return len(fast)


def save(folder: Path, model_type: str = "llama", **more: Any) -> Path:
    """A random model of an architecture, with norms and biases that are not those of a new model."""
    settings = {
        **SHAPE,
        "vocab_size": save_tokenizer(folder) + 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
    }
    settings |= {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "initializer_range": 0.2, **more}
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(model_type, **settings))
    for parameter in model.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, 1.0, 0.2)
    model.save_pretrained(folder)
    return folder


def read(folder: Path) -> tuple[Any, Any]:
    """(model, tokenizer) of the folder's GGUF file, by transformers."""
    (file,) = folder.glob("*.gguf")
    options: Any = {"gguf_file": file.name}
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **options)
    return model.eval(), AutoTokenizer.from_pretrained(folder, **options)


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(TOKENS).logits.float()


@pytest.mark.parametrize(("kind", "most"), [("f32", 1e-5), ("f16", 1e-2), ("bf16", 0.1), ("q8_0", 0.1)])
def test_each_type_gives_the_adapters_logits_within_its_precision(tmp_path: Path, kind: GgufType, most: float) -> None:
    base = save(tmp_path / "base")
    settings = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    torch.manual_seed(1)
    get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), settings).save_pretrained(
        tmp_path / "adapter"
    )
    AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path / "adapter")
    export_folder(str(tmp_path / "adapter"), tmp_path / "out", Export(gguf=kind))
    plain = logits(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32))
    expected = logits(
        PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), tmp_path / "adapter").eval()
    )
    model, tokenizer = read(tmp_path / "out")
    assert (logits(model) - expected).abs().mean() < most < (plain - expected).abs().mean()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        [f"out-{kind}.gguf", "README.md", "hashes.json"]
    )
    assert is_sound(tmp_path / "out")
    trained = AutoTokenizer.from_pretrained(base)
    text = trained.apply_chat_template([{"role": "user", "content": "Are 12 folders equal?"}], tokenize=False)
    assert (
        tokenizer(text, add_special_tokens=False)["input_ids"] == trained(text, add_special_tokens=False)["input_ids"]
    )
    assert (tokenizer.eos_token, tokenizer.chat_template) == ("</s>", TEMPLATE)


@pytest.mark.parametrize(
    ("model_type", "more"),
    [
        ("llama", {}),
        ("llama", {"tie_word_embeddings": True}),
        ("mistral", {"sliding_window": None}),
        ("qwen2", {}),
        ("qwen3", {"head_dim": 128}),
    ],
)
def test_each_architecture_gives_its_logits(tmp_path: Path, model_type: str, more: dict[str, Any]) -> None:
    folder = save(tmp_path / "model", model_type, **more)
    export_folder(str(folder), tmp_path / "out", Export(gguf="f32"))
    expected = logits(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval())
    assert torch.allclose(logits(read(tmp_path / "out")[0]), expected, atol=1e-4)


def test_the_types_of_the_file_are_those_of_llama_cpp(tmp_path: Path) -> None:
    export_folder(str(save(tmp_path / "model", intermediate_size=72)), tmp_path / "out", Export(gguf="q8_0"))
    reader = gguf.GGUFReader(tmp_path / "out/out-q8_0.gguf")
    types = {tensor.name: tensor.tensor_type.name for tensor in reader.tensors}
    assert types["token_embd.weight"] == types["blk.0.attn_q.weight"] == "Q8_0"
    assert types["blk.0.attn_norm.weight"] == "F32"
    assert types["blk.0.ffn_down.weight"] == "F16", "its rows have 72 weights, which are no whole blocks"
    assert reader.fields["general.name"].contents() == "out"
    assert reader.fields["tokenizer.ggml.pre"].contents() == "qwen2"
    assert str(tmp_path).encode() not in (tmp_path / "out/out-q8_0.gguf").read_bytes()


@pytest.mark.parametrize(
    ("model_type", "more", "says"),
    [
        ("gpt_neox", {}, "without the architecture gpt_neox"),
        ("llama", {"attention_bias": True}, "without biases"),
        ("llama", {"hidden_act": "gelu"}, "without the activation gelu"),
        ("mistral", {"sliding_window": 16}, "without attention in a sliding window"),
        ("llama", {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}}, "of type linear"),
    ],
)
def test_a_model_that_the_file_cannot_describe_is_refused(
    tmp_path: Path, model_type: str, more: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match=re.escape(says)):
        export_folder(str(save(tmp_path / "model", model_type, **more)), tmp_path / "out", Export(gguf="f16"))
    assert not list(tmp_path.glob("out*"))


def test_each_split_of_a_text_has_llama_cpps_name(tmp_path: Path) -> None:
    level = pre_tokenizers.ByteLevel
    splits = {
        "gpt-2": level(add_prefix_space=False),
        "smollm": pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), level(add_prefix_space=False)]
        ),
        "qwen2": WORD_SPLIT,
    }
    for name, split in splits.items():
        save_tokenizer(tmp_path / name, split)
        assert rule_of(json.loads((tmp_path / name / "tokenizer.json").read_text())) == name
    assert set(splits) < set(RULES.values())
    save_tokenizer(tmp_path / "other", level(add_prefix_space=True))
    with pytest.raises(InputError, match="this tokenizer has no form in GGUF that posttrain writes"):
        rule_of(json.loads((tmp_path / "other/tokenizer.json").read_text()))


def test_a_tokenizer_without_merges_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="this tokenizer has no form in GGUF"):
        export_folder(str(save_byte_model(tmp_path / "model")), tmp_path / "out", Export(gguf="f16"))


def test_a_wrong_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save(tmp_path / "model")
    monkeypatch.setattr("posttrain.export.gguf_writer._paired", lambda values, heads: values)
    with pytest.raises(RunError, match="its values differ"):
        export_folder(str(folder), tmp_path / "out", Export(gguf="f32"))
    monkeypatch.setattr("gguf.GGUFWriter.add_chat_template", lambda self, text: None)
    with pytest.raises(RunError, match="chat template"):
        export_folder(str(folder), tmp_path / "out", Export(gguf="f32"))
    assert not list(tmp_path.glob("out*"))


def test_end_tokens_that_the_file_cannot_name_are_listed(tmp_path: Path) -> None:
    folder = save(tmp_path / "model")
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, 5]}))
    notes: list[str] = []
    export_folder(str(folder), tmp_path / "out", Export(gguf="f16"), notes.append)
    assert any("names one end token, here </s>; training also ended answers with <|assistant|>" in one for one in notes)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--adapter",), "the file holds merged weights"),
        (("--dtype", "float16"), "names the type of the weights"),
        (("--shard-size", "1GB"), "writes one file"),
    ],
)
def test_flags_that_do_not_go_with_a_gguf_file_are_refused(
    posttrain: Posttrain, tmp_path: Path, flags: tuple[str, ...], says: str
) -> None:
    done = posttrain("export", str(tmp_path), "--to", str(tmp_path / "out"), "--gguf", "f16", *flags)
    assert done.code == 2
    assert says in done.err


def test_without_the_package_the_message_installs_it(
    posttrain: Posttrain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf_module, "find_spec", lambda name: None)
    done = posttrain("export", str(save(tmp_path / "model")), "--to", str(tmp_path / "out"), "--gguf", "f16")
    assert done.code == 2
    assert "pip install 'posttrain[gguf]'" in done.err


def test_the_card_of_a_run_has_code_that_reads_the_file(
    posttrain: Posttrain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = put_run(tmp_path / "run", {"sft": {}})
    save(run / "stages/sft/model")
    done = posttrain("export", f"{run}:sft", "--to", str(tmp_path / "out"), "--gguf", "q8_0")
    assert done.code == 0, done.err
    assert f"llama-server -m {tmp_path / 'out/out-q8_0.gguf'}" in done.out
    code = re.search(r"```python\n(.*?)```", (tmp_path / "out/README.md").read_text(), re.DOTALL)
    assert code is not None
    monkeypatch.chdir(tmp_path / "out")
    exec(code[1].replace("max_new_tokens=200", "max_new_tokens=5"), {})
    assert "Your question" in capsys.readouterr().out


def test_the_tokens_of_a_real_tokenizer_are_read_back(data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / "tokenizers/qwen2.5-0.5b-instruct"
    trained = AutoTokenizer.from_pretrained(folder)
    trained.save_pretrained(tmp_path / "model")
    writer = gguf.GGUFWriter(tmp_path / "tokens.gguf", "qwen2")
    writer.add_name("tokens")
    add_tokenizer(writer, tmp_path / "model", trained, 151_936)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    architecture, tokens, _ = get_gguf_tokenizer(str(tmp_path / "tokens.gguf"))
    read_back = convert_gguf_tokenizer(architecture, tokens)[0]
    for text in (
        "A dose of 12.5 mg, twice a day.",
        "Grüße aus Köln, 東京 и Москва",
        "def f(x):\n    return x<|im_end|>",
    ):
        assert read_back.encode(text, add_special_tokens=False).ids == trained(text)["input_ids"]
    assert tokens["pre_tokenizer_type"] == "qwen2"
