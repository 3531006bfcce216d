"""The ready-made recipes of docs/recipes, run as they stand on real data and a real small model, paths aside."""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from command_line import Posttrain

RECIPES = Path(__file__).parents[2] / "docs/recipes"


def sets(*overrides: str) -> list[str]:
    return [word for override in overrides for word in ("--set", override)]


def run(posttrain: Posttrain, recipe: str, stage: str, data_dir: Path, out: Path, *overrides: str) -> dict[str, dict]:
    """Run a recipe on the small model; its figures."""
    small = (
        f"model={data_dir}/models/stories260K",  # it has no chat template and reads 512 tokens
        f"stages.{stage}.template=plain",
        f"stages.{stage}.max_length=512",
        f"stages.{stage}.learning_rate=1e-3",
        f"stages.{stage}.batch_size=8",
    )
    answer = posttrain("run", str(RECIPES / recipe), "--out", str(out), "--json", *sets(*small, *overrides))
    assert answer.code == 0, answer.err
    return json.loads(answer.out)[stage]


def test_sft_on_clinical_notes(posttrain: Posttrain, data_dir: Path, tmp_path: Path) -> None:
    figures = run(
        posttrain,
        "sft-clinical-notes.yaml",
        "sft",
        data_dir,
        tmp_path,
        f"stages.sft.data.path={data_dir}/pharma/mts_dialog_train.csv",
        f"stages.sft.validation.0.path={data_dir}/pharma/mts_dialog_validation.csv",
        "stages.sft.max_steps=50",
    )
    loss = figures["eval_loss"]
    assert loss["after"] < loss["before"] - 1.0
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "stages/sft/model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "stages/sft/model")
    text = tokenizer.apply_chat_template([{"role": "user", "content": "Doctor: Any pain?"}], tokenize=False)
    assert torch.isfinite(model(**tokenizer(text, add_special_tokens=False, return_tensors="pt")).logits).all()


def test_ift_on_a_mixture_with_tasks_held_out(posttrain: Posttrain, data_dir: Path, tmp_path: Path) -> None:
    figures = run(
        posttrain,
        "ift-mixture.yaml",
        "ift",
        data_dir,
        tmp_path,
        f"stages.ift.data.0.path={data_dir}/instruct/alpaca_en_demo.jsonl.gz",
        f"stages.ift.data.1.path={data_dir}/instruct/dolly_3k.jsonl.gz",
        "stages.ift.data.1.columns={task: category}",  # this copy calls its columns as Alpaca does
        f"stages.ift.data.2.path={data_dir}/instruct/glaive_toolcall_en_demo.jsonl.gz",
        f"stages.ift.data.3.path={data_dir}/instruct/self_instruct_seed_tasks.jsonl.gz",
        "stages.ift.max_steps=16",
    )
    for name in ("eval_loss", "eval_unseen_tasks_loss"):
        assert figures[name]["after"] < figures[name]["before"], name
    about = json.loads((tmp_path / "stages/ift/data/data.json").read_text())
    tasks = {task["name"] for task in about["tasks"]}
    assert {"general", "tool calls", "open_qa"} <= tasks
    assert not tasks & {"summarization", "closed_qa"}
    assert about["parts"]["unseen_tasks"]["groups"] > 0


@pytest.mark.parametrize(
    ("recipe", "stage", "rate"), [("dpo-hh.yaml", "dpo", 3e-5), ("reward-hh.yaml", "reward", 1e-3)]
)
def test_preferences_split_by_prompt(
    recipe: str, stage: str, rate: float, posttrain: Posttrain, data_dir: Path, tmp_path: Path
) -> None:
    figures = run(
        posttrain,
        recipe,
        stage,
        data_dir,
        tmp_path,
        f"stages.{stage}.data={{path: '{data_dir}/preference/hh_rlhf_helpful_base_test.jsonl.gz', rows: 200}}",
        f"stages.{stage}.max_steps=6",
        f"stages.{stage}.validation=0.3",
        f"stages.{stage}.learning_rate={rate}",
    )
    assert figures["eval_loss"]["after"] < figures["eval_loss"]["before"] + 0.02
    accuracy = figures["eval_rewards/accuracies" if stage == "dpo" else "eval_accuracy"]
    assert accuracy["n"] > 50
    assert accuracy["interval"][0] < accuracy["after"] < accuracy["interval"][1]
    folder = tmp_path / "stages" / stage / "model"
    auto = AutoModelForCausalLM if stage == "dpo" else AutoModelForSequenceClassification
    assert torch.isfinite(auto.from_pretrained(folder)(torch.tensor([[1, 400, 401]])).logits).all()
    if stage == "reward":
        assert 0.3 < figures["eval_longer_wins_accuracy"]["after"] < 0.8


def test_an_adapter_of_a_real_model_gives_the_same_logits_in_peft(
    posttrain: Posttrain, data_dir: Path, tmp_path: Path
) -> None:
    run(
        posttrain,
        "sft-clinical-notes.yaml",
        "sft",
        data_dir,
        tmp_path,
        f"stages.sft.data.path={data_dir}/pharma/mts_dialog_train.csv",
        "stages.sft.data.rows=80",
        "stages.sft.validation=null",
        "stages.sft.patience=null",
        "stages.sft.lora={rank: 8}",
        "stages.sft.max_steps=5",
    )
    from peft import AutoPeftModelForCausalLM

    from posttrain.policy.open import open_policy
    from posttrain.policy.options import PolicyOptions

    folder = tmp_path / "stages/sft/model"
    tokens = torch.arange(3, 60)[None]
    theirs = AutoPeftModelForCausalLM.from_pretrained(folder).eval()(tokens).logits
    ours = open_policy(str(folder), PolicyOptions(precision="float32"), train=False)
    ours.base.set_attn_implementation("sdpa")
    assert torch.allclose(ours.model(tokens).logits, theirs, atol=1e-4)


def test_kto_on_answers_marked_good_or_bad(posttrain: Posttrain, data_dir: Path, tmp_path: Path) -> None:
    figures = run(
        posttrain,
        "kto-feedback.yaml",
        "kto",
        data_dir,
        tmp_path,
        f"stages.kto.data={data_dir}/preference/kto_en_demo.jsonl.gz",
        "stages.kto.max_steps=6",
        "stages.kto.learning_rate=3e-5",
    )
    loss = figures["eval_loss"]
    assert loss["before"] == pytest.approx(0.5, abs=1e-3), "at the start all ratios are 1, so every value is 1/2"
    assert loss["after"] < loss["before"] + 0.02
    tokens = torch.tensor([[1, 400, 401]])
    assert torch.isfinite(AutoModelForCausalLM.from_pretrained(tmp_path / "stages/kto/model")(tokens).logits).all()


def test_only_answers_with_the_reward_are_picked_and_learnt(
    posttrain: Posttrain, data_dir: Path, tmp_path: Path
) -> None:
    """The small model finds no right answer, so a pattern of letters stands in for them."""
    source = f"{{path: '{data_dir}/verifiable/gsm8k_train.jsonl.gz', columns: {{prompt: question}}, rows: 12}}"
    run(
        posttrain,
        "pick-gsm8k.yaml",
        "sft",
        data_dir,
        tmp_path,
        f"stages.candidates.data={source}",
        "stages.candidates.template=plain",
        "stages.candidates.max_length=512",
        "stages.candidates.max_new_tokens=24",
        "stages.candidates.drop_truncated=false",
        "stages.pick.rewards={right: {kind: regex, pattern: '(?i)th'}}",
        "stages.sft.validation=null",
        "stages.sft.max_steps=3",
    )
    rows = [json.loads(line) for line in (tmp_path / "stages/pick/picked.jsonl").read_text().splitlines()]
    assert 0 < len(rows) <= 12
    assert all("th" in json.dumps(row["completion"]).lower() for row in rows)
    assert (tmp_path / "stages/sft/model/model.safetensors").is_file()


def test_distillation_from_a_teacher(posttrain: Posttrain, data_dir: Path, tmp_path: Path) -> None:
    figures = run(
        posttrain,
        "distill-dolly.yaml",
        "distill",
        data_dir,
        tmp_path,
        f"stages.distill.data.path={data_dir}/instruct/dolly_3k.jsonl.gz",
        "stages.distill.data.rows=40",
        f"stages.distill.teacher={data_dir}/models/stories260K",
        "stages.distill.validation=0.2",
        "stages.distill.max_new_tokens=12",
        "stages.distill.max_steps=1",
        "stages.distill.learning_rate=1e-6",
    )
    assert figures["eval_kl"]["before"] == pytest.approx(0.0, abs=1e-4), "the student is its own teacher"
