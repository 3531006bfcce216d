"""TRL's configurations become recipes that train as they did."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from converting import Converted
from posttrain.convert.trl import TRL
from posttrain.errors import InputError

SFT = """
model_name_or_path: Qwen/Qwen2-0.5B
dataset_name: trl-lib/Capybara
learning_rate: 2.0e-4
num_train_epochs: 1
per_device_train_batch_size: 2
gradient_accumulation_steps: 8
assistant_only_loss: true
eos_token: "<|im_end|>"
eval_strategy: steps
eval_steps: 100
use_peft: true
lora_r: 32
lora_alpha: 16
output_dir: Qwen2-0.5B-SFT
push_to_hub: true
"""

GRPO = """
model_name_or_path: Qwen/Qwen2-0.5B-Instruct
dataset_name: trl-lib/DeepMath-103K
reward_funcs: [accuracy_reward, my_rewards.short]
reward_weights: [1.0, 0.2]
num_generations: 4
per_device_train_batch_size: 8
gradient_accumulation_steps: 2
num_iterations: 2
loss_type: dr_grpo
epsilon_high: 0.28
use_vllm: true
"""


def test_sft_keeps_data_batch_rates_and_adapter(converted: Converted) -> None:
    conversion = converted(SFT)
    stage = conversion.stage
    assert conversion.recipe["model"] == "Qwen/Qwen2-0.5B"
    assert stage["data"] == "hf://trl-lib/Capybara/train"
    assert stage["validation"] == "hf://trl-lib/Capybara/test"
    assert (stage["batch_size"], stage["epochs"], stage["learning_rate"]) == (16, 1.0, 2e-4)
    assert (stage["max_length"], stage["truncation"], stage["schedule"], stage["warmup"]) == (
        1024,
        "right",
        "linear",
        0.0,
    )
    assert stage["lora"] == {"rank": 32, "alpha": 16.0, "target_modules": ["q_proj", "v_proj"]}
    assert stage["precision"] == "bfloat16"


def test_devices_multiply_the_batch(converted: Converted) -> None:
    assert converted(SFT, devices=4).stage["batch_size"] == 64


def test_each_key_is_in_the_recipe_or_in_a_comment(converted: Converted) -> None:
    converted(SFT + "noise: 3\nneftune_noise_alpha: 5\n")
    text = Path("recipe.yaml").read_text()
    for key in ("eos_token", "push_to_hub", "output_dir", "noise", "neftune_noise_alpha", "lora_dropout"):
        assert f"- {key}:" in text or f"{key}:" in text.split("# Not supported")[1], key
    assert "# - noise: 3" in text.split("# Unknown")[1].split("# Not needed")[0]


def test_packed_rows_are_counted_in_tokens(converted: Converted) -> None:
    stage = converted(SFT + "packing: true\nmax_length: 2048\n").stage
    assert stage["batch_tokens"] == 16 * 2048
    assert "batch_size" not in stage


def test_a_number_of_steps_ends_the_run_whatever_the_epochs(converted: Converted) -> None:
    stage = converted(SFT + "max_steps: 60\nwarmup_steps: 6\n").stage
    assert (stage["max_steps"], stage["warmup"]) == (60, 0.1)
    assert stage["epochs"] >= 60  # an epoch has at least one step
    conversion = converted(SFT + "max_steps: 1000\n")
    assert any("fewer than 10 steps; then raise it" in note.text for note in conversion.lost)


def test_warm_up_steps_without_the_number_of_steps_are_left_to_the_user(converted: Converted) -> None:
    conversion = converted(SFT + "warmup_steps: 6\n")
    assert "warmup" not in conversion.stage
    assert any("divide 6 by the steps" in note.text for note in conversion.lost)


def test_a_schedule_keeps_its_lowest_rate(converted: Converted) -> None:
    more = "lr_scheduler_type: cosine_with_min_lr\nlr_scheduler_kwargs: {min_lr: 2.0e-5}\n"
    stage = converted(SFT + more).stage
    assert stage["schedule"] == "cosine"
    assert stage["min_rate"] == pytest.approx(0.1)


def test_dpo_keeps_its_losses_and_the_defaults_of_trl(converted: Converted) -> None:
    dpo = (
        "model_name_or_path: a/b\ndataset_name: trl-lib/ultrafeedback_binarized\nloss_type: [sigmoid, bco_pair, sft]\n"
    )
    conversion = converted(dpo + "loss_weights: [0.8, 0.2, 1.0]\nbeta: 0.2\n")
    stage = conversion.stage
    assert (stage["kind"], stage["loss"], stage["sft_weight"], stage["beta"]) == ("dpo", {"sigmoid": 0.8}, 1.0, 0.2)
    assert stage["epochs"] == 3.0
    assert "batch_size" not in stage  # 8 in both
    assert any("bco_pair" in note.text for note in conversion.lost)


@pytest.mark.parametrize(
    ("losses", "kept", "note"),
    [
        ("sft", None, "for sft alone, take a stage of kind sft"),
        ("[sigmoid, sigmoid_norm]", {"sigmoid": 2.0}, "sigmoid_norm is sigmoid here"),
        ("[sigmoid, robust]", {"sigmoid": 1.0, "robust": 1.0}, "holds for sigmoid too"),
        ("exo_pair", None, "sigmoid takes its place"),
        ("sigmoid_norm", "sigmoid", ""),
    ],
)
def test_losses_that_are_not_kept_as_they_are_have_a_note(
    losses: str, kept: Any, note: str, converted: Converted
) -> None:
    smoothing = "label_smoothing: 0.1\n" if "robust" in losses else ""
    conversion = converted(f"model_name_or_path: a/b\ndataset_name: c/d\nloss_type: {losses}\n{smoothing}", kind="dpo")
    assert conversion.stage.get("loss") == kept
    assert [note in other.text for other in conversion.lost if other.keys.startswith("loss_type")] == (
        [True] if note else []
    )


def test_label_smoothing_is_kept_where_trl_uses_it(converted: Converted) -> None:
    dpo = "model_name_or_path: a/b\ndataset_name: c/d\nlabel_smoothing: 0.1\nloss_type: "
    assert converted(dpo + "robust\n").stage["label_smoothing"] == 0.1
    assert "label_smoothing" not in converted(dpo + "sigmoid\n").stage


def test_grpo_counts_prompts_where_trl_counts_completions(converted: Converted) -> None:
    stage = converted(GRPO).stage
    assert (stage["batch_size"], stage["num_generations"]) == (4, 4)
    assert (stage["average"], stage["inner_epochs"], stage["max_new_tokens"]) == ("constant", 2, 512)
    assert (stage["clip_high"], "clip_low" in stage) == (0.28, False)
    assert stage["rewards"] == {
        "accuracy_reward": {"kind": "math", "target": "solution", "weight": 1.0},
        "short": {"kind": "python", "file": "my_rewards.py", "function": "short", "weight": 0.2},
    }


def test_trl_generates_as_many_completions_in_an_optimiser_step(tmp_path: Path) -> None:
    trl = pytest.importorskip("trl")
    args = trl.GRPOConfig(
        str(tmp_path), per_device_train_batch_size=8, gradient_accumulation_steps=2, num_generations=4, bf16=False
    )
    assert args.generation_batch_size // args.num_generations == 4


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("completion_only_loss: true", "sft"),
        ("loss_type: ipo", "dpo"),
        ("undesirable_weight: 2", "kto"),
        ("max_completion_length: 9", "grpo"),
        ("center_rewards_coefficient: 0.01", "reward"),
    ],
)
def test_the_keys_show_the_technique(text: str, kind: str, converted: Converted) -> None:
    assert converted(f"model_name_or_path: a/b\ndataset_name: c/d\n{text}\n").config.kind == kind


def test_keys_of_every_technique_need_the_technique(converted: Converted) -> None:
    text = "model_name_or_path: Qwen/Qwen2.5-0.5B\ndataset_name: stanfordnlp/imdb\nlearning_rate: 0.0001\n"
    with pytest.raises(InputError, match="add --kind"):
        converted(text)
    assert converted(text, kind="sft").stage["learning_rate"] == 1e-4


def test_a_mixture_becomes_several_sources(converted: Converted) -> None:
    text = """
model_name_or_path: a/b
datasets:
  - {path: json, data_files: [one.jsonl, two.jsonl]}
  - {path: org/set, name: main, split: "train[:100]"}
packing: false
"""
    assert converted(text, peer="trl").stage["data"] == [
        "one.jsonl",
        "two.jsonl",
        {"path": "hf://org/set/main/train", "rows": 100},
    ]


def classes() -> dict[str, Any]:
    """Kind of stage → TRL's classes of options."""
    trl = pytest.importorskip("trl")
    configs = {"sft": trl.SFTConfig, "dpo": trl.DPOConfig, "kto": trl.KTOConfig, "reward": trl.RewardConfig}
    return {kind: [config, trl.ModelConfig] for kind, config in {**configs, "grpo": trl.GRPOConfig}.items()}


@pytest.mark.parametrize("kind", ["sft", "dpo", "kto", "reward", "grpo"])
def test_the_table_has_every_key_and_the_defaults_of_trl(kind: str, tmp_path: Path) -> None:
    known = {name for key in TRL.keys for name in key.theirs}
    assert [field.name for cls in classes()[kind] for field in fields(cls) if field.name not in known] == []
    made = [cls(str(tmp_path), use_cpu=True) if index == 0 else cls() for index, cls in enumerate(classes()[kind])]
    theirs = {field.name: getattr(options, field.name) for options in made for field in fields(options)}
    ours = {**TRL.defaults["all"], **TRL.defaults[kind]}
    compared = {key: (value, plain(theirs[key])) for key, value in ours.items() if key in theirs}
    assert {key for key, (own, value) in compared.items() if own != value} == set()


def plain(value: Any) -> Any:
    """The value of an enumeration, or the value itself."""
    value = getattr(value, "value", value)
    return "adamw_torch" if value == "adamw_torch_fused" else value


def test_keys_of_an_adapter_that_is_not_trained_are_named(converted: Converted) -> None:
    conversion = converted(SFT.replace("use_peft: true", "use_peft: false"))
    assert "lora" not in conversion.stage
    assert {"lora_r: 32", "lora_alpha: 16"} <= {note.keys for note in conversion.without_effect}


HEAD = "model_name_or_path: a/b\n"


def folder_of(*names: str) -> None:
    """A folder `local` with files of one row."""
    for name in names:
        path = Path("local", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"text": "a"}\n')


@pytest.mark.parametrize(
    ("names", "split", "data"),
    [
        (["train.jsonl", "test.jsonl"], "train", "./local/train.jsonl"),
        (["train.jsonl", "test.jsonl"], "test", "./local/test.jsonl"),
        (["my-dev.json", "training/a.json", "training/b.json"], "validation", "./local/my-dev.json"),
        (["my-dev.json", "training/a.json"], "train", "./local/training/a.json"),
        (["a.jsonl", "latest.jsonl"], "train", "./local"),
        (["train.jsonl", "eval.jsonl"], '"train[:9]"', {"path": "./local/train.jsonl", "rows": 9}),
    ],
)
def test_a_folder_gives_the_files_of_the_split_alone(
    names: list[str], split: str, data: Any, converted: Converted
) -> None:
    folder_of(*names)
    text = HEAD + f"dataset_name: ./local\ndataset_train_split: {split}\n"
    assert converted(text, "trl", "sft").stage["data"] == data


@pytest.mark.parametrize(
    "names",
    [["train.jsonl", "my-dev.jsonl", "eval_1.jsonl"], ["training/a.jsonl", "valid/a.jsonl", "test/a.jsonl"]],
)
def test_datasets_reads_the_same_files_of_a_folder(names: list[str], converted: Converted) -> None:
    patterns = pytest.importorskip("datasets.data_files").get_data_patterns
    folder_of(*names)
    theirs = patterns(str(Path("local").resolve()))
    for split in ("train", "validation", "test"):
        ours = converted(HEAD + f"dataset_name: ./local\ndataset_train_split: {split}\n", "trl", "sft").stage["data"]
        assert any(Path(ours).resolve().match(pattern) for pattern in theirs[split])


@pytest.mark.parametrize(
    ("names", "split", "message"),
    [
        (["test.jsonl"], "train", "no file of the split train"),
        (["a.jsonl"], "test", "no file of the split test"),
        (["train_test.jsonl"], "train", "shows several splits"),
        ([], "train", "there is no such folder"),
    ],
)
def test_a_folder_whose_split_cannot_be_told_is_refused(
    names: list[str], split: str, message: str, converted: Converted
) -> None:
    folder_of(*names)
    with pytest.raises(InputError, match=message):
        converted(HEAD + f"dataset_name: ./local\ndataset_train_split: {split}\n", "trl", "sft")


@pytest.mark.parametrize(
    ("item", "data", "note"),
    [
        ("path: json, data_files: {train: a.jsonl, test: b.jsonl}", "a.jsonl", ""),
        ("path: json, data_files: {train: a.jsonl, test: b.jsonl}, split: test", "b.jsonl", ""),
        (
            'path: json, data_files: [a.jsonl, b.jsonl], split: "train[:9]"',
            [{"path": "a.jsonl", "rows": 9}, {"path": "b.jsonl", "rows": 9}],
            "`rows` holds for each file",
        ),
        ("path: org/set, data_dir: v2", "hf://org/set/v2/train", "the folder v2"),
        ("path: org/set, columns: [text]", "hf://org/set/train", "all columns are read"),
        ("path: org/set, weird: 1", "hf://org/set/train", "without a counterpart: weird"),
    ],
)
def test_a_data_set_of_a_mixture_gives_its_split_alone(item: str, data: Any, note: str, converted: Converted) -> None:
    conversion = converted(HEAD + f"datasets:\n  - {{{item}}}\n", "trl", "sft")
    assert conversion.stage["data"] == data
    assert [note in other.text for other in conversion.lost if other.keys.startswith("datasets")] == (
        [True] if note else []
    )


def test_files_without_the_split_are_refused(converted: Converted) -> None:
    with pytest.raises(InputError, match="those of test; name those of train"):
        converted(HEAD + "datasets:\n  - {path: json, data_files: {test: b.jsonl}}\n", "trl", "sft")


@pytest.mark.parametrize(
    ("text", "clips", "note"),
    [
        ("loss_type: cispo\nepsilon_high: 5.0", (1.0, 4.0), ""),
        ("loss_type: cispo\nepsilon: 0.3\nepsilon_high: 0.8", (1.0, None), "cuts every ratio at 0.8"),
        ("loss_type: cispo", (1.0, None), "cuts every ratio at 0.2"),
        ("loss_type: sapo\nepsilon: 0.3\ndelta: 4.0", (None, None), ""),
        ("loss_type: grpo\nepsilon: 0.3", (0.3, 0.3), ""),
    ],
)
def test_cispo_has_one_bound(text: str, clips: tuple[Any, Any], note: str, converted: Converted) -> None:
    conversion = converted(HEAD + f"dataset_name: c/d\nreward_funcs: [r.f]\n{text}\n")
    assert (conversion.stage.get("clip_low"), conversion.stage.get("clip_high")) == clips
    assert any(note in other.text for other in conversion.lost if "epsilon" in other.keys) == bool(note)


@pytest.mark.parametrize(
    ("kind", "text", "note"),
    [
        ("grpo", "beta: 0.04", "multiplies the KL by the importance ratio"),
        ("grpo", "beta: 0.04\nuse_bias_correction_kl: false", ""),
        ("grpo", "use_bias_correction_kl: true", ""),
        ("grpo", "normalize_advantages: true", "advantage: rloo"),
        ("grpo", "reward_funcs: [accuracy_reward]", "accepts boxed or LaTeX answers alone"),
        ("sft", "packing: true\npacking_strategy: bfd_split", "split the texts first"),
        ("sft", "packing: true\npacking_strategy: wrapped", "split the texts first"),
        ("sft", "packing: true\npacking_strategy: bfd", ""),
        ("dpo", "max_prompt_length: 9", "prompts alone have no limit"),
        ("sft", "use_peft: true\nload_in_4bit: true\nbnb_4bit_quant_type: fp4", "NF4"),
        ("sft", "use_peft: true\nload_in_4bit: true\nbnb_4bit_quant_type: nf4", ""),
    ],
)
def test_differences_have_a_note(kind: str, text: str, note: str, converted: Converted) -> None:
    rewards = "reward_funcs: [r.f]\n" if kind == "grpo" and "reward_funcs" not in text else ""
    plain = "assistant_only_loss: true\nlora_dropout: 0\n" if kind == "sft" else ""
    conversion = converted(HEAD + f"dataset_name: c/d\n{rewards}{plain}{text}\n", "trl", kind)
    assert [note in other.text for other in conversion.lost] == ([True] if note else [])


def test_rloo_is_refused_without_the_technique(converted: Converted) -> None:
    with pytest.raises(InputError, match="`trl rloo`; add --kind grpo, and then set `advantage: rloo`"):
        converted(HEAD + "dataset_name: c/d\nnum_generations: 4\nreward_clip_range: [-1, 1]\n")


@pytest.mark.parametrize(
    ("kind", "text", "length", "truncation"),
    [
        ("reward", "", 1024, "drop"),
        ("kto", "", 1024, "right"),
        ("grpo", "", 2048, "drop"),
        ("grpo", "max_completion_length: 4096", 5120, "drop"),
        ("grpo", "max_completion_length: 4096\nmax_prompt_length: 300", 4396, "left"),
    ],
)
def test_rows_have_the_length_of_trl(kind: str, text: str, length: int, truncation: str, converted: Converted) -> None:
    stage = converted(HEAD + f"dataset_name: c/d\n{text}\n", "trl", kind).stage
    assert stage["max_length"] == length
    assert stage.get("truncation", "drop") == truncation


def test_a_name_with_a_slash_is_a_reward_model(converted: Converted) -> None:
    name = "Skywork/Skywork-Reward-V2-Llama-3.1-8B"
    rewards = converted(HEAD + f"dataset_name: c/d\nreward_funcs: [{name}]\n").stage["rewards"]
    assert rewards == {"Skywork-Reward-V2-Llama-3-1-8B": {"kind": "model", "model": name}}


@pytest.mark.parametrize("kind", ["sft", "dpo", "kto", "reward", "grpo"])
def test_a_default_that_is_written_out_is_no_difference(kind: str, tmp_path: Path, converted: Converted) -> None:
    made = [cls(str(tmp_path), use_cpu=True) if index == 0 else cls() for index, cls in enumerate(classes()[kind])]
    theirs = {field.name: getattr(options, field.name) for options in made for field in fields(options)}
    without = {name for key in TRL.keys if key.status == "not supported" for name in key.theirs}
    written = {name: plain(value) for name, value in theirs.items() if name in without and value is not None}
    conversion = converted(HEAD + "dataset_name: c/d\n" + yaml.safe_dump(written), "trl", kind)
    assert [note.keys for note in conversion.lost if note.keys.split(":")[0] in written] == []
