"""The ready-made recipes of docs/recipes on a real language model: two steps each, loaded by transformers and peft."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import AutoPeftModelForCausalLM, AutoPeftModelForSequenceClassification
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from command_line import Posttrain
from language_model import language_model

RECIPES = Path(__file__).parents[2] / "docs/recipes"

HH = "preference/hh_rlhf_helpful_base_test.jsonl.gz"
DOLLY = "instruct/dolly_3k.jsonl.gz"
GSM8K = "verifiable/gsm8k_train.jsonl.gz"
WRITING = ("max_new_tokens=12", "num_generations=2")

CASES = {  # recipe → the trained stage, and what is smaller than in the recipe
    "sft-clinical-notes": ("sft", ["data.path={data}/pharma/mts_dialog_train.csv", "data.rows=40"]),
    "ift-mixture": (
        "ift",
        [
            f"data=[{{path: '{{data}}/{DOLLY}', rows: 300, columns: {{task: category}}}}]",
            "hold_out.tasks=[summarization]",
        ],
    ),
    "dpo-hh": ("dpo", [f"data={{path: '{{data}}/{HH}', rows: 12}}"]),
    "reward-hh": ("reward", [f"data={{path: '{{data}}/{HH}', rows: 12}}"]),
    "kto-feedback": ("kto", ["data={path: '{data}/preference/kto_en_demo.jsonl.gz', rows: 24}"]),
    "grpo-gsm8k": ("grpo", [f"data.path={{data}}/{GSM8K}", "data.rows=12", *WRITING]),
    "distill-dolly": ("distill", [f"data.path={{data}}/{DOLLY}", "data.rows=12", "teacher={model}", *WRITING]),
}

LOADERS: dict[tuple[bool, bool], tuple[Any, dict[str, Any]]] = {  # (a reward model, an adapter)
    (False, False): (AutoModelForCausalLM, {}),
    (False, True): (AutoPeftModelForCausalLM, {}),
    (True, False): (AutoModelForSequenceClassification, {}),
    (True, True): (AutoPeftModelForSequenceClassification, {"num_labels": 1}),
}


@pytest.mark.slow
@pytest.mark.parametrize("lora", [False, True], ids=["all weights", "lora"])
@pytest.mark.parametrize("recipe", CASES)
def test_it_trains_the_real_model_which_then_loads_elsewhere(
    recipe: str, lora: bool, posttrain: Posttrain, data_dir: Path, tmp_path: Path
) -> None:
    model = language_model()
    stage, smaller = CASES[recipe]
    smaller = [*smaller, "validation=null", "patience=null", "max_length=384", "batch_size=4", "max_steps=2"]
    smaller += ["lora={rank: 8}"] if lora else []
    sets = [f"model={model}", *(f"stages.{stage}.{one}" for one in smaller)]
    sets = [one.replace("{data}", str(data_dir)).replace("{model}", str(model)) for one in sets]
    words = [word for one in sets for word in ("--set", one)]
    answer = posttrain("run", str(RECIPES / f"{recipe}.yaml"), "--out", str(tmp_path), *words)
    assert answer.code == 0, answer.err
    loader, options = LOADERS[stage == "reward", lora]
    loaded = loader.from_pretrained(tmp_path / "stages" / stage / "model", **options)
    with torch.no_grad():
        assert torch.isfinite(loaded(torch.tensor([[1, 400, 401]])).logits).all()


@pytest.mark.slow
def test_answers_of_the_real_model_are_picked_and_learnt(posttrain: Posttrain, data_dir: Path, tmp_path: Path) -> None:
    """It hardly solves a task in so few tokens, so a number stands in for the right answer."""
    source = f"{{path: '{data_dir}/{GSM8K}', columns: {{prompt: question}}, rows: 8}}"
    sets = (
        f"model={language_model()}",
        f"stages.candidates.data={source}",
        "stages.candidates.max_new_tokens=48",
        "stages.candidates.drop_truncated=false",
        "stages.pick.rewards={right: {kind: regex, pattern: '\\d'}}",
        "stages.sft.validation=null",
        "stages.sft.batch_size=4",
        "stages.sft.max_steps=2",
    )
    words = [word for one in sets for word in ("--set", one)]
    answer = posttrain("run", str(RECIPES / "pick-gsm8k.yaml"), "--out", str(tmp_path), *words)
    assert answer.code == 0, answer.err
    assert (tmp_path / "stages/sft/model/model.safetensors").is_file()
