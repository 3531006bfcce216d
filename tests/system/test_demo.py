"""The demo does what it says, by the command a newcomer types."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from posttrain.files import sha256_of

STAGES = ("sft", "ift", "dpo", "reward", "replies", "ppo", "orders", "grpo")


def demo(folder: Path, seed: int = 0) -> dict[str, dict[str, dict[str, float]]]:
    command = [sys.executable, "-m", "posttrain", "demo", "--seed", str(seed), "--out", str(folder), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def promises(summary: dict[str, dict[str, dict[str, float]]]) -> dict[str, bool]:
    sft, ift, dpo, reward, ppo, grpo = (summary[stage] for stage in ("sft", "ift", "dpo", "reward", "ppo", "grpo"))
    return {
        "the raw model knows nothing of the task": sft["facts"]["before"] < 0.05,
        "SFT copies facts into JSON": sft["facts"]["after"] >= 0.90,
        "IFT generalises to unseen wordings": ift["instructions_unseen"]["after"]
        >= ift["instructions_seen"]["after"] - 0.05,
        "IFT learnt its tasks": ift["instructions_seen"]["after"] >= 0.80,
        "IFT kept what SFT taught": ift["facts"]["after"] >= 0.85,
        "DPO refuses off-label asks": dpo["asks/refused"]["after"] >= 0.90,
        "DPO answers their on-label twins": dpo["asks/over_refused"]["after"] <= 0.05,
        "it refused less before DPO": dpo["asks/refused"]["before"] < 0.60,
        "the reward model ranks held-out drafts": reward["eval_accuracy"]["after"] >= 0.90,
        "which length alone does not": reward["eval_longer_wins_accuracy"]["after"] < 0.75,
        "PPO lifts the reward on held-out reports": ppo["eval_reward"]["after"] > ppo["eval_reward"]["before"] + 0.5,
        "and not at the rule's cost": ppo["eval_gold/rule"]["after"] >= ppo["eval_gold/rule"]["before"],
        "within its budget of KL": ppo["eval_kl"]["after"] <= 10.0,
        "GRPO lifts held-out orders by 20 points": grpo["orders"]["after"] >= grpo["orders"]["before"] + 0.20,
    }


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "seed-0"
    demo(folder)
    return folder


def test_the_demo_keeps_its_promises(first: Path) -> None:
    summary = json.loads((first / "run/summary.json").read_text())
    broken = [promise for promise, kept in promises(summary).items() if not kept]
    assert not broken, json.dumps(summary, indent=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_other_seeds_keep_them_too(seed: int, tmp_path: Path) -> None:
    summary = demo(tmp_path, seed)
    assert [promise for promise, kept in promises(summary).items() if not kept] == []


@pytest.mark.slow
def test_killed_twenty_times_it_ends_with_the_same_weights(first: Path, tmp_path: Path) -> None:
    rng = random.Random(0)
    command = [sys.executable, "-m", "posttrain", "demo", "--out", str(tmp_path / "killed"), "--json"]
    env = {**os.environ, "POSTTRAIN_CACHE": str(tmp_path / "cache")}
    kills = 0
    while kills < 20:
        process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(8 + rng.random() * 20)
        if process.poll() is not None:
            break
        process.kill()
        process.wait()
        kills += 1
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert kills >= 5, "the moments must fall into the run"
    for stage in STAGES:
        model = f"run/stages/{stage}/model"
        assert sha256_of(tmp_path / "killed" / model) == sha256_of(first / model), stage
