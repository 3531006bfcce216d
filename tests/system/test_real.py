"""The demo on a real model in a short form: every stage runs, is measured, can be loaded again, and survives kills."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from peft import AutoPeftModelForCausalLM

from language_model import language_model
from posttrain.demo.real.run import RECIPE, real_recipe
from posttrain.files import sha256_of

TRAINED = ("sft", "dpo", "reward", "grpo")
FEW = "slices: false, rows: 2"
EQUAL = "{equal: {kind: json_fields}}"
SHORT = (
    f"suites.notes={{data: data/notes_test.jsonl, metrics: {EQUAL}, max_new_tokens: 4, {FEW}}}",
    f"suites.asks={{kind: refusal, data: data/asks_test.jsonl, max_new_tokens: 4, {FEW}}}",
    f"suites.courses={{data: data/courses_test.jsonl, metrics: math, max_new_tokens: 4, {FEW}}}",
    f"suites.pairs={{kind: preferences, data: data/drafts_test.jsonl, {FEW}}}",
    f"suites.general_text={{kind: perplexity, data: data/general_text.txt, {FEW}}}",
    f"suites.general_chat={{kind: perplexity, data: data/general_instructions.jsonl, {FEW}}}",
    f"suites.wikipedia={{kind: perplexity, data: data/general_text.txt, {FEW}}}",
    "stages.general.data={path: data/general_prompts.jsonl, rows: 3}",
    "stages.general.max_new_tokens=8",
    "stages.replay.min_score=-2.0",
    *(f"stages.{stage}.max_steps=2" for stage in TRAINED),
    *(f"stages.{stage}.batch_size=2" for stage in TRAINED),
    *(f"stages.{stage}.validation=null" for stage in TRAINED),
    *(f"stages.{stage}.gates=[]" for stage in TRAINED),  # a step or two show nothing
    *(f"stages.{stage}.save_every=1" for stage in TRAINED),
    "stages.sft.precision=bfloat16",  # small updates on a real base, which peft's folder rounds in part
    "stages.dpo.data={path: data/asks_train.jsonl, rows: 8}",
    "stages.grpo.num_generations=2",
    "stages.grpo.max_new_tokens=8",
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's data and recipe."""
    folder = tmp_path_factory.mktemp("real")
    real_recipe(folder, 0, language_model())
    return folder


def command(folder: Path, out: str) -> list[str]:
    sets = [word for override in SHORT for word in ("--set", override)]
    return [sys.executable, "-m", "posttrain", "run", str(folder / RECIPE), "--out", str(folder / out), *sets]


@pytest.fixture(scope="module")
def whole(written: Path) -> Path:
    """The folder of a run that nobody disturbed."""
    done = subprocess.run(command(written, "whole"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return written / "whole"


def test_every_stage_runs_on_the_real_model(whole: Path) -> None:
    summary = json.loads((whole / "summary.json").read_text())
    assert set(TRAINED) <= summary.keys()
    assert 5 < summary["sft"]["general_chat/perplexity"]["before"] < 500
    AutoPeftModelForCausalLM.from_pretrained(whole / "stages/grpo/model")


@pytest.mark.slow
def test_killed_at_ten_random_moments_its_stages_end_with_the_same_bytes(written: Path, whole: Path) -> None:
    rng = random.Random(0)
    kills = 0
    while kills < 10:
        process = subprocess.Popen(command(written, "killed"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(10 + 20 * rng.random())
        if process.poll() is not None:
            break
        process.kill()
        process.wait()
        kills += 1
    subprocess.run(command(written, "killed"), check=True, capture_output=True)
    assert kills >= 5, "the moments must fall into the run"
    for stage in TRAINED:
        model = f"stages/{stage}/model"
        assert sha256_of(written / "killed" / model) == sha256_of(whole / model), stage
