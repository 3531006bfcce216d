"""LLaMA-Factory's configurations, with the data sets that dataset_info.json describes, become recipes."""

import json
from pathlib import Path
from typing import Any

import pytest

from converting import Converted
from posttrain.errors import InputError

HEAD = """
model_name_or_path: meta-llama/Meta-Llama-3-8B-Instruct
trust_remote_code: true
do_train: true
template: llama3
cutoff_len: 2048
overwrite_cache: true
preprocessing_num_workers: 16
output_dir: saves/out
logging_steps: 10
plot_loss: true
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
learning_rate: 1.0e-4
lr_scheduler_type: cosine
warmup_ratio: 0.1
bf16: true
ddp_timeout: 180000000
"""
SFT = HEAD + "stage: sft\nfinetuning_type: lora\nlora_target: all\ndataset: identity,alpaca_en\nmax_samples: 1000\n"

INFO: dict[str, Any] = {
    "identity": {"file_name": "identity.json"},
    "alpaca_en": {"hf_hub_url": "llamafactory/alpaca_en", "columns": {"prompt": "question", "response": "reply"}},
    "pairs": {"file_name": "pairs.json", "ranking": True, "columns": {"prompt": "ask", "chosen": "a", "rejected": "b"}},
    "talks": {
        "file_name": "talks.json",
        "formatting": "sharegpt",
        "columns": {"messages": "messages", "kto_tag": "good"},
        "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"},
    },
    "books": {"file_name": "books.json", "columns": {"prompt": "chapter"}},
    "drawn": {"file_name": "drawn.json", "num_samples": 9},
    "inside": {"hf_hub_url": "a/b", "folder": "v2"},
    "answered": {"file_name": "a.json", "columns": {"prompt": "ask", "query": "more", "response": "reply"}},
}


@pytest.fixture
def info(tmp_path: Path) -> None:
    """The descriptions of the data sets, where `llamafactory-cli` reads them."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/dataset_info.json").write_text(json.dumps(INFO))


@pytest.mark.usefixtures("info")
def test_sft_keeps_data_batch_rates_and_adapter(converted: Converted) -> None:
    conversion = converted(SFT)
    stage = conversion.stage
    assert conversion.peer.name == "llamafactory"
    assert stage["data"] == [
        {"path": "data/identity.json", "rows": 1000},
        {
            "path": "hf://llamafactory/alpaca_en/train",
            "columns": {"instruction": "question", "output": "reply"},
            "rows": 1000,
        },
    ]
    assert (stage["batch_size"], stage["epochs"], stage["warmup"]) == (8, 3.0, 0.1)
    assert stage["lora"] == {"rank": 8, "alpha": 16.0, "target_modules": "all-linear"}
    assert stage["max_length"] == 2048
    assert conversion.unknown == ()


@pytest.mark.usefixtures("info")
def test_dpo_and_its_losses(converted: Converted) -> None:
    text = HEAD + "stage: dpo\nfinetuning_type: full\ndataset: pairs\npref_loss: simpo\npref_beta: 2.5\n"
    stage = converted(text).stage
    assert (stage["kind"], stage["loss"], stage["beta"], stage["gamma"]) == ("dpo", "simpo", 2.5, 0.5)
    assert stage["data"]["columns"] == {"instruction": "ask", "chosen": "a", "rejected": "b"}
    assert "lora" not in stage


@pytest.mark.usefixtures("info")
def test_kto_reads_conversations_with_labels(converted: Converted) -> None:
    stage = converted(HEAD + "stage: kto\ndataset: talks\nkto_rejected_weight: 1.5\n").stage
    assert stage["data"]["columns"] == {"conversations": "messages", "label": "good"}
    assert stage["undesirable_weight"] == 1.5


@pytest.mark.usefixtures("info")
def test_a_reward_model_and_pre_training(converted: Converted) -> None:
    assert converted(HEAD + "stage: rm\ndataset: pairs\n").config.kind == "reward"
    stage = converted(HEAD + "stage: pt\ndataset: books\n").stage
    assert (stage["kind"], stage["template"], stage["batch_tokens"]) == ("sft", "raw", 8 * 2048)
    assert stage["data"] == {"path": "data/books.json", "columns": {"text": "chapter"}}


@pytest.mark.usefixtures("info")
def test_ppo_counts_optimiser_steps_and_reserves_tokens_for_the_answer(converted: Converted) -> None:
    text = (
        HEAD
        + "stage: ppo\ndataset: identity\nreward_model: saves/reward\nmax_new_tokens: 512\ntop_k: 0\nmax_steps: 10\n"
    )
    stage = converted(text).stage
    assert (stage["max_length"], stage["max_new_tokens"]) == (2560, 512)
    assert (stage["max_steps"], stage["beta"], stage["target_kl"]) == (40, 0.2, 6.0)
    assert (stage["temperature"], stage["top_p"], "top_k" in stage) == (0.95, 0.7, False)
    assert stage["data"]["columns"] == {"prompt": "instruction"}


@pytest.mark.usefixtures("info")
def test_what_has_no_counterpart_is_named(converted: Converted) -> None:
    conversion = converted(SFT + "use_galore: true\nquantization_bit: 8\nval_size: 200\nuse_badam: false\n")
    lost = " ".join(note.keys for note in conversion.lost)
    assert all(key in lost for key in ("use_galore", "quantization_bit", "val_size", "template"))
    assert any("use_badam" in note.keys for note in conversion.not_needed)


def test_without_the_descriptions_the_error_says_where_they_belong(converted: Converted) -> None:
    with pytest.raises(InputError, match=r"config.yaml:\d+: dataset: there is no data/dataset_info.json"):
        converted(SFT)


@pytest.mark.usefixtures("info")
def test_a_data_set_without_description_is_named(converted: Converted) -> None:
    with pytest.raises(InputError, match="does not describe nothing"):
        converted(SFT.replace("alpaca_en", "nothing"))


@pytest.mark.usefixtures("info")
@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("stage: pt\ndataset: books", "split the texts first"),
        ("stage: pt\ndataset: books\npacking: false", ""),
        ("stage: kto\ndataset: talks\npref_ftx: 0.1", "KTO has no SFT term"),
        ("stage: sft\ndataset: drawn", "draws 9 rows at random"),
        ("stage: sft\ndataset: inside", "the folder v2 of a/b"),
        ("stage: sft\ndataset: books\nquantization_bit: 4\nquantization_type: fp4", "NF4"),
        ("stage: sft\ndataset: books\nquantization_bit: 4\nquantization_type: nf4", ""),
        ("stage: sft\ndataset: books\nrepetition_penalty: 1.0", ""),
    ],
)
def test_differences_have_a_note(text: str, note: str, converted: Converted) -> None:
    conversion = converted(HEAD.replace("template: llama3\n", "") + text + "\n")
    assert [note in other.text for other in conversion.lost] == ([True] if note else [])


@pytest.mark.usefixtures("info")
def test_ppo_reads_no_answers(converted: Converted) -> None:
    stage = converted(HEAD + "stage: ppo\ndataset: answered\nreward_model: saves/reward\n").stage
    assert stage["data"]["columns"] == {"prompt": "ask", "input": "more"}


@pytest.mark.usefixtures("info")
def test_without_bf16_the_precision_is_that_of_the_checkpoint(converted: Converted) -> None:
    text = SFT.replace("bf16: true\n", "")
    assert "precision" not in converted(text).stage  # auto, the default
    assert converted(text + "bf16: false\n").stage["precision"] == "auto"
