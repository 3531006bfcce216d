"""The demo does what it says, by the command a newcomer types."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from posttrain.files import sha256_of

STAGES = ("sft", "ift", "dpo", "reward", "replies", "ppo", "orders", "grpo")


@pytest.fixture(scope="module", autouse=True)
def the_machines_own_precision(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache in which this machine's speeds are measured, as a newcomer's are: `precision: auto` takes the faster."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSTTRAIN_CACHE", str(tmp_path_factory.mktemp("speeds")))
        yield


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


def test_every_stage_that_trains_has_gates_which_pass_and_a_report_shows_them(first: Path) -> None:
    gates = json.loads((first / "run/gates.json").read_text())["gates"]
    assert {gate["stage"] for gate in gates} == set(STAGES)
    assert {gate["outcome"] for gate in gates} == {"pass"}
    report = (first / "run/report.html").read_text()
    assert all(gate["gate"].partition("[")[0].partition(" ")[0] in report for gate in gates)


def test_the_audit_of_the_demos_own_recipe_is_clean_but_for_waivers_with_a_reason(first: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "posttrain", "audit", "--recipe", str(first / "demo.yaml"), "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    findings = [json.loads(path.read_text()) for path in tmp_path.glob("*/findings.json")]
    assert len(findings) == len(STAGES)
    assert any(found["waived"] for found in findings)
    assert all(len(reason) > 20 for found in findings for reason in found["reasons"].values())


@pytest.mark.slow
def test_sabotage_ends_with_failed_gates_that_name_the_product(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "posttrain", "demo", "--sabotage", "--out", str(tmp_path / "demo")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 100, done.stderr
    gates = json.loads((tmp_path / "demo/run/gates.json").read_text())["gates"]
    failed = [gate for gate in gates if gate["outcome"] == "fail"]
    products = [gate["key"] for gate in failed if gate["stage"] == "reward"]
    assert len(products) == 1, "the rankings of one product were reversed"
    assert products[0] in done.stderr
    assert products[0].partition("[")[2].removesuffix("]") in (tmp_path / "demo/run/report.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_other_seeds_keep_them_too(seed: int, tmp_path: Path) -> None:
    summary = demo(tmp_path, seed)
    assert [promise for promise, kept in promises(summary).items() if not kept] == []


@pytest.mark.slow
def test_killed_twenty_times_it_ends_with_the_same_weights(first: Path, tmp_path: Path) -> None:
    rng = random.Random(0)
    command = [sys.executable, "-m", "posttrain", "demo", "--out", str(tmp_path / "killed"), "--json"]
    kills = 0
    while kills < 20:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(8 + rng.random() * 20)
        if process.poll() is not None:
            break
        process.kill()
        process.wait()
        kills += 1
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert kills >= 5, "the moments must fall into the run"
    for stage in STAGES:
        model = f"run/stages/{stage}/model"
        assert sha256_of(tmp_path / "killed" / model) == sha256_of(first / model), stage
