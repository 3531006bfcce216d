"""GRPO whose completions a vLLM server generates: the same bits again, killed or not, on one process or two.

The server is a stand-in with posttrain's own engine, so that the same weights and seeds give the same tokens.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from command_line import Posttrain
from on_policy_recipes import GRPO, alone, write_files
from vllm_stand_in import StandIn, vllm_server


@pytest.fixture
def server(work: Path) -> Generator[StandIn]:
    write_files(work)
    with vllm_server(work / "model") as server:
        yield server


def recipe(work: Path, server: StandIn, *, lag: int, lora: bool = True) -> None:
    keys = f'    vllm: {{url: "{server.url}", model: base, lag: {lag}, retries: 0, backoff: 0, wait: 60}}\n'
    keys += "    lora: {rank: 4, alpha: 8}\n" if lora else ""
    keys += "    epochs: 2\n    save_every: 3\n    eval_every: 7\n    show_every: 0\n"
    (work / "vllm.yaml").write_text(alone(GRPO + keys))


def stage(out: str) -> Path:
    return Path(out) / "stages/grpo"


def log(out: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (stage(out) / "metrics.jsonl").read_text().splitlines()]
    times = {"tokens_per_second", "time", "sampling/load_seconds", "sampling/wait_seconds"}
    return [{name: value for name, value in line.items() if name not in times} for line in lines]


def weights_by_rollout(out: str) -> list[str]:
    """The weights that generated each rollout."""
    found: list[str] = []
    for table in sorted((stage(out) / "completions").iterdir()):
        (name,) = {json.loads(line)["weights"] for line in table.read_text().splitlines()}
        found.append(name)
    return found


def started(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "posttrain", "run", "vllm.yaml", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_requests(server: StandIn, process: subprocess.Popen[str], count: int) -> None:
    """Until the process has had so many prompts answered."""
    before = len(server.bodies)
    while process.poll() is None and len(server.bodies) < before + count:
        time.sleep(0.01)


def result(out: str) -> tuple[bytes, list[dict[str, Any]]]:
    return (stage(out) / "model/adapter_model.safetensors").read_bytes(), log(out)


@pytest.mark.parametrize("lag", [0, 1])
def test_each_rollout_is_of_the_right_weights_and_a_run_comes_again(
    lag: int, work: Path, server: StandIn, posttrain: Posttrain
) -> None:
    recipe(work, server, lag=lag)
    for out in ("a", "b"):
        answer = posttrain("run", "vllm.yaml", "--out", out)
        assert answer.code == 0, answer.err
        assert not (stage(out) / "vllm").exists()
    assert result("a") == result("b")
    names = weights_by_rollout("a")
    assert len(names) > 4
    assert len(set(names)) == len(names) - lag
    assert (names[0] == names[1]) == bool(lag)
    rollouts = [line for line in log("a") if "sampling/importance_sampling_ratio/mean" in line]
    assert len(rollouts) == len(names)
    for line in rollouts:
        assert 0.2 < line["sampling/sampling_logp_difference/mean"] < 0.4, "the stand-in's log-probs are 0.25 too high"
    assert any("eval_reward" in line for line in log("a"))


@pytest.mark.slow
def test_killed_while_the_server_generates_ahead_it_ends_with_the_same_bytes(
    work: Path, server: StandIn, posttrain: Posttrain
) -> None:
    recipe(work, server, lag=1)
    for kill in range(3):
        process = started("--out", "killed")
        wait_for_requests(server, process, 9 + 4 * kill)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        if kill == 1:  # the server is lost as well
            server.die()
            server.start()
    answer = posttrain("run", "vllm.yaml", "--out", "killed")
    assert answer.code == 0, answer.err
    assert posttrain("run", "vllm.yaml", "--out", "whole").code == 0
    assert result("killed") == result("whole")
    assert weights_by_rollout("killed") == weights_by_rollout("whole")


@pytest.mark.parametrize("lora", [pytest.param(True, marks=pytest.mark.slow), False], ids=["adapter", "all weights"])
def test_two_processes_share_the_prompts_and_follow_one(
    lora: bool, work: Path, server: StandIn, posttrain: Posttrain
) -> None:
    recipe(work, server, lag=1, lora=lora)
    one = posttrain("run", "vllm.yaml", "--out", "one", "--set", "stages.grpo.epochs=1")
    assert one.code == 0, one.err
    two = started("--out", "two", "--processes", "2", "--set", "stages.grpo.epochs=1")
    _, shown = two.communicate()
    assert two.returncode == 0, shown
    losses = [[line["loss"] for line in log(out) if "loss" in line] for out in ("one", "two")]
    assert losses[1] == pytest.approx(losses[0], abs=1e-5)


@pytest.mark.parametrize("lora", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["adapter", "all weights"])
def test_weights_in_shards_generate_on_the_server_too(
    lora: bool, work: Path, server: StandIn, posttrain: Posttrain
) -> None:
    recipe(work, server, lag=0, lora=lora)
    few = ("--set", "stages.grpo.epochs=1", "--set", "stages.grpo.max_steps=4")
    one = posttrain("run", "vllm.yaml", "--out", "one", *few)
    assert one.code == 0, one.err
    two = started("--out", "two", "--processes", "2", "--set", "stages.grpo.parallel=shard", *few)
    _, shown = two.communicate(timeout=200)
    assert two.returncode == 0, shown
    losses = [[line["loss"] for line in log(out) if "loss" in line] for out in ("one", "two")]
    assert losses[1] == pytest.approx(losses[0], abs=1e-5)


def test_an_error_of_the_server_ends_all_processes_with_one_sentence(work: Path, server: StandIn) -> None:
    recipe(work, server, lag=1)
    process = started("--out", "two", "--processes", "2")
    wait_for_requests(server, process, 9)
    server.refuse_next = [418]
    _, shown = process.communicate(timeout=100)
    assert process.returncode == 2, shown
    assert "Traceback" not in shown
    assert "answers 418" in shown


def test_a_run_goes_on_after_the_server_has_moved(work: Path, server: StandIn, posttrain: Posttrain) -> None:
    recipe(work, server, lag=0)
    process = started("--out", "moved")
    wait_for_requests(server, process, 20)
    process.kill()
    process.communicate()
    done = len(list((stage("moved") / "completions").iterdir()))
    with vllm_server(work / "model") as other:
        recipe(work, other, lag=0)
        answer = posttrain("run", "vllm.yaml", "--out", "moved")
        assert answer.code == 0, answer.err
        assert not Path("moved/stages/grpo.previous-1").exists()
        assert done > 0


def test_a_server_that_is_lost_stops_the_run_and_the_run_goes_on_after_it_is_back(
    work: Path, server: StandIn, posttrain: Posttrain
) -> None:
    recipe(work, server, lag=0)
    assert posttrain("run", "vllm.yaml", "--out", "whole").code == 0
    quick = ("--set", "stages.grpo.vllm.wait=0.2")
    process = started("--out", "lost", *quick)
    wait_for_requests(server, process, 20)
    server.die()
    _, shown = process.communicate()
    assert process.returncode == 1, shown
    assert "Traceback" not in shown
    assert "it goes on from the last checkpoint" in shown
    server.start()
    answer = posttrain("run", "vllm.yaml", "--out", "lost", *quick)
    assert answer.code == 0, answer.err
    assert result("lost") == result("whole")
