"""Sweeps as users run them: shared stages run once, a killed sweep goes on, a value that fails does not end it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from command_line import Posttrain
from posttrain.errors import RunError
from posttrain.pipeline import ranks as pipeline_ranks
from posttrain.recipe.stages.base import StageOptions
from posttrain.stages.context import Context, Figure
from posttrain.stages.runner import Runner, runner_of

RECIPE = """\
model: model
suites:
  echo: {data: asks.jsonl, metrics: contains, max_new_tokens: 4}
stages:
  sft: {kind: sft, data: train.jsonl, validation: 0.25, max_length: 128, batch_size: 8, max_steps: 2}
  dpo: {kind: dpo, model: sft, data: pairs.jsonl, validation: 0.25, max_length: 128, max_steps: 2}
"""
SWEEP = ("--sweep", "stages.dpo.beta=0.05,0.5")


@pytest.fixture
def swept(work: Path) -> Path:
    (work / "sweep.yaml").write_text(RECIPE)
    asks = [{"id": str(n), "input": f"Say {n}", "target": str(n)} for n in range(5)]
    (work / "asks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asks))
    return work


def weights(run: Path, stage: str) -> Path:
    return run / "stages" / stage / "model" / "model.safetensors"


def test_a_killed_sweep_goes_on_and_shared_stages_run_once(swept: Path, posttrain: Posttrain) -> None:
    first, second = swept / "out/sweep/beta=0.05", swept / "out/sweep/beta=0.5"
    command = [sys.executable, "-m", "posttrain", "run", "sweep.yaml", "--out", "out", *SWEEP]
    process = subprocess.Popen(command, cwd=swept, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE)
    while process.poll() is None and not (second / "stages/dpo/metrics.jsonl").exists():
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    finished = weights(first, "dpo").stat().st_mtime_ns
    answer = posttrain("run", "sweep.yaml", "--out", "out", "--json", *SWEEP)
    assert answer.code == 0, answer.err
    report = json.loads(answer.out)
    assert report == json.loads((swept / "out/sweep/sweep.json").read_text())
    assert [run["state"] for run in report["runs"]] == ["done", "done"]
    assert report["shared"] == ["sft"]
    assert {test["result"] for test in report["tests"]} == {"echo"}
    assert weights(first, "dpo").stat().st_mtime_ns == finished, "a finished run is not run again"
    assert weights(first, "sft").samefile(weights(second, "sft"))
    assert posttrain("run", "sweep.yaml", "--out", "alone", "--set", "stages.dpo.beta=0.5").code == 0
    for stage in ("sft", "dpo"):
        assert weights(second, stage).read_bytes() == weights(swept / "alone", stage).read_bytes()
    assert json.loads((second / "summary.json").read_text()) == json.loads((swept / "alone/summary.json").read_text())
    assert (swept / "out/sweep/sweep.html").is_file()


def test_a_value_that_fails_is_listed_and_the_others_run(
    swept: Path, posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverging(stage: StageOptions) -> Runner:
        def run(stage: StageOptions, context: Context) -> dict[str, Figure]:
            raise RunError("step 3: the loss is nan")

        high = getattr(stage, "learning_rate", 0.0) > 0.1
        return Runner(run, runner_of(stage).preview, runner_of(stage).needs) if high else runner_of(stage)

    monkeypatch.setattr(pipeline_ranks, "runner_of", diverging)
    (swept / "gated.yaml").write_text(RECIPE.partition("  dpo:")[0] + "gates: ['echo >= 0.99']\n")
    rates = "stages.sft.learning_rate="
    answer = posttrain("run", "gated.yaml", "--out", "out", "--sweep", rates + "0.5,1e-4")
    assert answer.code == 1, "a run that diverged is worse than a gate that did not pass"
    report = json.loads((swept / "out/sweep/sweep.json").read_text())
    assert [(run["name"], run["state"]) for run in report["runs"]] == [
        ("learning_rate=0.5", "stage sft, step 3: the loss is nan"),
        ("learning_rate=1e-4", "a gate did not pass"),
    ]
    assert "1 of 2 runs of the sweep did not end well" in answer.err
    assert "learning_rate=0.5: stage sft, step 3: the loss is nan" in answer.out
    again = posttrain("run", "gated.yaml", "--out", "out", "--sweep", rates + "1e-4,2e-4")
    assert again.code == 100


def test_a_plan_counts_runs_and_shared_stages(swept: Path, posttrain: Posttrain) -> None:
    grid = ("--sweep", "stages.dpo.beta=0.05,0.1", "--sweep", "stages.dpo.epochs=1,2")
    answer = posttrain("plan", "sweep.yaml", "--json", *grid)
    assert answer.code == 0, answer.err
    plan = json.loads(answer.out)
    assert (plan["runs"], plan["stages"], plan["shared"], plan["unknown"]) == (4, 5, 3, 0)
    assert plan["seconds"] > 0
