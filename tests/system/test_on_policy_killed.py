"""PPO, GRPO and distillation killed for real, at any moment: called again they end with the same bytes."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from byte_model import save_byte_model
from command_line import Posttrain
from on_policy_recipes import write_files

LONG = {"epochs": "3", "save_every": "5", "eval_every": "1000", "show_every": "0"}


def settings(stage: str) -> list[str]:
    return [word for key, value in LONG.items() for word in ("--set", f"stages.{stage}.{key}={value}")]


def start(work: Path, stage: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "posttrain", "run", f"{stage}.yaml", "--out", f"killed-{stage}", *settings(stage)],
        cwd=work,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_for_more(log: Path, process: subprocess.Popen[bytes], seconds: float = 120.0) -> None:
    """Until the process has written to its log."""
    before = log.stat().st_mtime_ns if log.exists() else 0
    until = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < until:
        if log.exists() and log.stat().st_mtime_ns != before and log.stat().st_size:
            return
        time.sleep(0.01)


def kill_at_random(work: Path, stage: str, moments: Iterator[float]) -> int:
    """Start, wait until it learns, kill a moment later; again until the moments are spent or it is done.

    Returns:
        how often it was really killed.
    """
    kills = 0
    for moment in moments:
        process = start(work, stage)
        if moment >= 0:
            wait_for_more(work / f"killed-{stage}/stages/{stage}/metrics.jsonl", process)
        time.sleep(abs(moment))
        process.kill()
        kills += process.wait() == -signal.SIGKILL
        if process.returncode == 0:
            break
    return kills


def assert_the_same(work: Path, stage: str, posttrain: Posttrain) -> None:
    """The killed run, called once more, and one left in peace: weights, metrics and completions."""
    whole = posttrain("run", f"{stage}.yaml", "--out", f"whole-{stage}", *settings(stage))
    assert whole.code == 0, whole.err
    answer = posttrain("run", f"{stage}.yaml", "--out", f"killed-{stage}", *settings(stage))
    assert answer.code == 0, answer.err
    killed, whole = (work / f"{name}-{stage}/stages/{stage}" for name in ("killed", "whole"))
    weights = [{p.name: p.read_bytes() for p in (folder / "model").glob("*.safetensors")} for folder in (killed, whole)]
    assert weights[0]
    assert weights[0] == weights[1]
    metrics = [_timeless(folder / "metrics.jsonl") for folder in (killed, whole)]
    assert metrics[0] == metrics[1]
    tables = [{p.name: p.read_bytes() for p in (folder / "completions").iterdir()} for folder in (killed, whole)]
    assert tables[0] == tables[1]
    assert not list(killed.rglob("*.partial"))


def _timeless(path: Path) -> list[dict[str, object]]:
    return [{**json.loads(line), "tokens_per_second": 0, "time": ""} for line in path.read_text().splitlines()]


@pytest.mark.parametrize("stage", [pytest.param("ppo", marks=pytest.mark.slow), "grpo"])
def test_killed_twice_it_ends_with_the_same_bytes(stage: str, work: Path, posttrain: Posttrain) -> None:
    write_files(work)
    rng = random.Random(stage)
    assert kill_at_random(work, stage, iter([rng.random() * 0.3, rng.random() * 0.3])) == 2
    assert_the_same(work, stage, posttrain)


@pytest.mark.slow
def test_distillation_with_adapters_killed_once_ends_with_the_same_bytes(work: Path, posttrain: Posttrain) -> None:
    write_files(work)
    save_byte_model(work / "teacher", seed=1)
    assert kill_at_random(work, "distill", iter([random.Random("distill").random() * 0.3])) == 1
    assert_the_same(work, "distill", posttrain)


@pytest.mark.slow
def test_killed_twenty_times_they_end_with_the_same_bytes(work: Path, posttrain: Posttrain) -> None:
    write_files(work)
    LONG.update(epochs="60")
    rng = random.Random(0)
    for stage in ("ppo", "grpo"):
        moments = [rng.random() * 0.8 if n % 4 else -2.0 - 3.0 * rng.random() for n in range(10)]
        assert kill_at_random(work, stage, iter(moments)) == 10
    for stage in ("ppo", "grpo"):
        assert_the_same(work, stage, posttrain)
