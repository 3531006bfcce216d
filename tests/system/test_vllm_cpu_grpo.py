"""GRPO whose completions a real vLLM server generates: the real model, vLLM on a CPU. See `test_vllm_cpu.py`."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from absences import absent
from command_line import Posttrain
from language_model import language_model
from vllm_cpu import VllmServer

RECIPE = """\
model: {model}
stages:
  grpo:
    kind: grpo
    data: asks.jsonl
    rewards: {{commas: {{kind: python, file: mine.py, function: commas}}}}
    lora: {{rank: 16}}
    precision: bfloat16
    max_length: 128
    max_new_tokens: 40
    batch_size: 4
    num_generations: 8
    learning_rate: {rate}
    warmup: 0
    schedule: constant
    epochs: 3
    max_steps: {steps}
    save_every: 1
"""
MINE = """\
def commas(completion, row):
    return min(1.0, completion.count(",") / 6)
"""
THINGS = "a dog, the sea, bread, winter, a train, the moon, music, a river, tea, sleep, a bridge, rice, a clock, a boat"


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rows = [{"prompt": f"Tell me about {thing}."} for thing in THINGS.split(", ")]
    (tmp_path / "asks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def server(work: Path) -> Generator[VllmServer]:
    python = os.environ.get("POSTTRAIN_VLLM_PYTHON")
    if not python:
        absent("POSTTRAIN_VLLM_PYTHON is not set: it names a Python with vllm-cpu")
    server = VllmServer(str(python), language_model(), work / "vllm.log")
    server.start()
    try:
        yield server
    finally:
        server.kill()


def write_recipe(work: Path, server: VllmServer, *, steps: int, rate: float = 1e-3, **keys: Any) -> None:
    text = RECIPE.format(model=language_model(), steps=steps, rate=rate)
    (work / "own.yaml").write_text(text)
    settings = {"url": server.url, "model": "base", "seeds": False, "retries": 0, **keys}
    (work / "vllm.yaml").write_text(f"{text}    vllm: {json.dumps(settings)}\n")


def rollouts(out: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (Path(out) / "stages/grpo/metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if "loss" in line]


def weights_by_rollout(out: str) -> list[set[str]]:
    tables = sorted((Path(out) / "stages/grpo/completions").iterdir())
    return [{json.loads(line)["weights"] for line in table.read_text().splitlines()} for table in tables]


@pytest.mark.slow
@pytest.mark.parametrize(("send", "lag", "rate"), [("adapter", 0, 1e-3), ("adapter", 1, 5e-4), ("weights", 0, 1e-3)])
def test_each_rollout_is_of_its_weights_and_the_reward_climbs_as_with_our_own_engine(
    send: str, lag: int, rate: float, work: Path, server: VllmServer, posttrain: Posttrain
) -> None:
    """With a lag, each rollout but the first is a step behind: its log-probs differ by what one step changes."""
    write_recipe(work, server, steps=8, rate=rate, send=send, lag=lag)
    for name in ("own", "vllm"):
        answer = posttrain("run", f"{name}.yaml", "--out", name)
        assert answer.code == 0, answer.err
    names = [next(iter(one)) for one in weights_by_rollout("vllm") if len(one) == 1]
    assert len(names) == 8
    assert len(set(names)) == 8 - lag
    for number, line in enumerate(rollouts("vllm")):
        behind = lag > 0 and number > 0
        assert abs(line["sampling/importance_sampling_ratio/mean"] - 1) < (0.15 if behind else 0.03)
        assert line["sampling/sampling_logp_difference/mean"] < (0.3 if behind else 0.06)
    climbs = [mean(r["reward"] for r in rollouts(out)[5:]) - rollouts(out)[0]["reward"] for out in ("own", "vllm")]
    assert min(climbs) > 0.15, climbs


@pytest.mark.slow
def test_a_server_that_is_killed_stops_the_run_and_the_run_goes_on_after_it_is_back(
    work: Path, server: VllmServer, posttrain: Posttrain
) -> None:
    write_recipe(work, server, steps=5, wait=2)
    process = subprocess.Popen(
        [sys.executable, "-m", "posttrain", "run", "vllm.yaml", "--out", "run"], stderr=subprocess.PIPE, text=True
    )
    tables = work / "run/stages/grpo/completions"
    while process.poll() is None and not (tables.is_dir() and len(list(tables.iterdir())) >= 2):
        time.sleep(0.05)
    server.kill()
    _, shown = process.communicate()
    assert process.returncode == 1, shown
    assert "Traceback" not in shown
    assert "Start it, then run the same command again" in shown or "Start the server, then run" in shown
    server.start()
    answer = posttrain("run", "vllm.yaml", "--out", "run")
    assert answer.code == 0, answer.err
    assert len(weights_by_rollout("run")) == 5
