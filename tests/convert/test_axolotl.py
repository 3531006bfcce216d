"""Axolotl's configurations become recipes that train as they did."""

from pathlib import Path

import pytest

from converting import Converted

QLORA = """
base_model: NousResearch/Llama-3.2-1B
load_in_8bit: false
load_in_4bit: true
datasets:
  - path: teknium/GPT4-LLM-Cleaned
    type: alpaca
dataset_prepared_path: last_run_prepared
val_set_size: 0.1
output_dir: ./outputs/qlora-out
adapter: qlora
lora_model_dir:
sequence_len: 2048
sample_packing: true
eval_sample_packing: true
lora_r: 32
lora_alpha: 16
lora_dropout: 0.05
lora_target_modules: [gate_proj, up_proj, q_proj]
wandb_project:
gradient_accumulation_steps: 4
micro_batch_size: 2
num_epochs: 1
optimizer: adamw_bnb_8bit
lr_scheduler: cosine
learning_rate: 0.0002
bf16: auto
tf32: false
gradient_checkpointing: true
flash_attention: true
evals_per_epoch: 4
saves_per_epoch: 1
weight_decay: 0.0
special_tokens:
  pad_token: "<|end_of_text|>"
"""
HEAD = """
base_model: a/b
sequence_len: 1024
micro_batch_size: 4
gradient_accumulation_steps: 2
learning_rate: 5e-6
"""


def test_qlora_keeps_data_batch_rates_and_adapter(converted: Converted) -> None:
    conversion = converted(QLORA)
    stage = conversion.stage
    assert conversion.peer.name == "axolotl"
    assert stage["data"] == "hf://teknium/GPT4-LLM-Cleaned/train"
    assert (stage["validation"], stage["max_length"], stage["batch_tokens"]) == (0.1, 2048, 8 * 2048)
    assert (stage["quantization"], stage["optimizer"], stage["warmup"]) == ("4bit", "adamw8bit", 0.03)
    assert stage["lora"] == {"rank": 32, "alpha": 16.0, "target_modules": ["gate_proj", "up_proj", "q_proj"]}
    assert conversion.unknown == ()
    assert {note.keys.split(":")[0] for note in conversion.lost} == {"datasets", "lora_dropout"}


@pytest.mark.parametrize(
    ("rl", "loss", "more"),
    [
        ("dpo", "sigmoid", {"beta": 0.3}),
        ("ipo", "ipo", {"beta": 0.3}),
        ("simpo", "simpo", {"gamma": 0.5, "sft_weight": 1.0}),
        ("orpo", "orpo", {"beta": 0.3}),
    ],
)
def test_the_losses_of_pairs(rl: str, loss: str, more: dict[str, float], converted: Converted) -> None:
    data = "datasets:\n  - {path: Intel/orca_dpo_pairs, split: train, type: chatml.intel}\n"
    stage = converted(HEAD + f"rl: {rl}\nrl_beta: 0.3\n" + data).stage
    assert (stage["kind"], stage["loss"]) == ("dpo", loss)
    assert {key: stage[key] for key in more} == more
    assert stage["data"] == {"path": "hf://Intel/orca_dpo_pairs/train", "columns": {"prompt": "question"}}
    assert (stage["batch_size"], stage["template"]) == (8, "chatml")


def test_kto_keeps_its_weights(converted: Converted) -> None:
    data = "datasets:\n  - path: kto.jsonl\n    type: {field_prompt: q, field_completion: a, field_label: good}\n"
    stage = converted(HEAD + "rl: kto\nrl_beta: 0.5\nkto_desirable_weight: 0.2\n" + data).stage
    assert (stage["beta"], stage["desirable_weight"]) == (0.5, 0.2)
    assert stage["data"]["columns"] == {"prompt": "q", "completion": "a", "label": "good"}


def test_gdpo_keeps_rewards_and_sampling(converted: Converted) -> None:
    text = """
rl: gdpo
max_steps: 100
warmup_steps: 10
trl:
  beta: 0.001
  max_completion_length: 128
  num_generations: 2
  temperature: 0.7
  top_p: 0.95
  use_vllm: false
  reward_funcs: [rwd.format_reward, rwd.correctness_reward]
  reward_weights: [1.0, 2.0]
  scale_rewards: true
datasets:
  - {path: openai/gsm8k, name: main, split: "train[:1000]", type: rwd.gsm8k_transform}
"""
    conversion = converted(HEAD + text)
    stage = conversion.stage
    assert stage["data"] == {"path": "hf://openai/gsm8k/main/train", "rows": 1000}
    assert (stage["batch_size"], stage["num_generations"], stage["max_new_tokens"]) == (4, 2, 128)
    assert (stage["beta"], stage["temperature"], stage["top_p"]) == (0.001, 0.7, 0.95)
    assert (stage["normalize_each_reward"], "scale_rewards" in stage) == (True, False)
    assert (stage["max_steps"], stage["warmup"]) == (100, 0.1)
    assert {name: reward["weight"] for name, reward in stage["rewards"].items()} == {
        "format_reward": 1.0,
        "correctness_reward": 2.0,
    }
    assert any("gsm8k_transform" in note.text for note in conversion.lost)


def test_fields_of_rows_become_columns(converted: Converted) -> None:
    data = """
datasets:
  - {path: chats.jsonl, type: chat_template, field_messages: talk}
  - {path: books.jsonl, type: completion, field: chapter}
  - {path: tasks.jsonl, type: {field_instruction: task, field_output: result, format: "[INST] {instruction}"}}
"""
    conversion = converted(HEAD + data)
    assert [source["columns"] for source in conversion.stage["data"]] == [
        {"messages": "talk"},
        {"text": "chapter"},
        {"instruction": "task", "output": "result"},
    ]
    assert any("format" in note.text for note in conversion.lost)


@pytest.mark.parametrize(
    ("item", "note"),
    [
        ("type: completion", "split the texts first"),
        ("type: chat_template, shards: 10", "shards 10"),
        ("type: chat_template, chat_template: chatml", "all rows of a stage have one `template`"),
        (
            "type: chat_template, message_property_mappings: {role: speaker, content: value}",
            "roles speaker are not read",
        ),
        ("type: chat_template, message_field_content: words", "roles words are not read"),
        ("type: chat_template, roles: {user: [human], assistant: [bot, gpt]}", "roles bot are not read"),
        ("type: chat_template, message_property_mappings: {role: role, content: content}, field_tools: t", ""),
    ],
)
def test_keys_of_a_data_set_have_a_note(item: str, note: str, converted: Converted) -> None:
    conversion = converted(HEAD + f"datasets:\n  - {{path: rows.jsonl, {item}}}\n")
    assert [note in other.text for other in conversion.lost] == ([True] if note else [])


@pytest.mark.parametrize(
    ("types", "template", "note"),
    [
        (["chatml.argilla", "chatml.intel"], "chatml", ""),
        (["llama3.argilla"], None, "types llama3.* write chat templates of their own"),
        (["chatml.intel", "llama3.icr"], None, "types chatml.*, llama3.* write"),
        (["chat_template.argilla"], None, ""),
    ],
)
def test_types_of_pairs_write_their_own_templates(
    types: list[str], template: str | None, note: str, converted: Converted
) -> None:
    data = "".join(f"  - {{path: a/b, type: {written}}}\n" for written in types)
    conversion = converted(HEAD + f"rl: dpo\ndatasets:\n{data}")
    assert conversion.stage.get("template") == template
    assert [note in other.text for other in conversion.lost] == ([True] if note else [])


def test_cispo_has_one_bound_and_prompts_have_a_length(converted: Converted) -> None:
    more = "rl: grpo\nmax_prompt_len: 300\ndatasets: [{path: a/b}]\n"
    stage = converted(HEAD + more + "trl: {loss_type: cispo, epsilon_high: 5, reward_funcs: [r.f]}\n").stage
    assert (stage["clip_low"], stage["clip_high"], stage["max_length"]) == (1.0, 4.0, 812)


def test_a_local_folder_gives_the_training_split_alone(converted: Converted) -> None:
    Path("rows").mkdir()
    for name in ("train.jsonl", "test.jsonl"):
        Path("rows", name).write_text('{"text": "a"}\n')
    assert converted(HEAD + "datasets: [{path: rows, type: chat_template}]\n").stage["data"] == "rows/train.jsonl"
