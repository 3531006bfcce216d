"""A recipe run as users run it: results on disk, skipping, resuming, planning."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from byte_model import save_byte_model
from command_line import Posttrain

STACK = """\
model: model
suites:
  echo: {data: asks.jsonl, metrics: contains, max_new_tokens: 4}
stages:
  sft: {kind: sft, data: train.jsonl, validation: 0.25, max_length: 128, batch_size: 4, learning_rate: 1.0e-3}
  dpo: {kind: dpo, model: sft, data: pairs.jsonl, validation: 0.25, max_length: 128, batch_size: 4}
  reward: {kind: reward, model: sft, data: pairs.jsonl, validation: 0.25, max_length: 128, batch_size: 4}
"""


@pytest.fixture
def stack(work: Path) -> Path:
    (work / "stack.yaml").write_text(STACK)
    asks = [{"id": str(n), "input": f"Say {n}", "target": str(n), "metadata": {"slice": "small"}} for n in range(5)]
    (work / "asks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asks))
    return work


def weights(out: Path, stage: str) -> bytes:
    return (out / "stages" / stage / "model" / "model.safetensors").read_bytes()


def test_stages_stack_and_leave_evidence(stack: Path, posttrain: Posttrain) -> None:
    answer = posttrain("run", "stack.yaml", "--out", "out", "--json")
    assert answer.code == 0, answer.err
    summary = json.loads(answer.out)
    assert summary == json.loads((stack / "out/summary.json").read_text())
    assert list(summary) == ["sft", "dpo", "reward"]
    assert summary["sft"]["eval_loss"]["after"] < summary["sft"]["eval_loss"]["before"]
    assert summary["sft"]["echo"]["n"] == 5
    assert summary["dpo"]["echo"]["before"] == summary["sft"]["echo"]["after"]
    assert {"before", "after", "n", "interval", "unit", "of"} == set(summary["reward"]["eval_accuracy"])
    assert [(summary["sft"][name]["unit"], summary["sft"][name]["of"]) for name in ("eval_loss", "echo")] == [
        ("nats", "tokens"),
        ("share", "answers"),
    ]
    assert summary["sft"]["eval_first_token_loss"]["n"] < summary["sft"]["eval_loss"]["n"]
    assert "eval_longer_wins_accuracy" in summary["reward"]
    manifest = json.loads((stack / "out/manifest.json").read_text())
    assert set(manifest["data"]) == {"train.jsonl", "pairs.jsonl", "asks.jsonl"}
    samples = (stack / "out/stages/sft/behaviour/samples_echo.jsonl").read_text().splitlines()
    assert len(samples) == 5
    lines = [json.loads(line) for line in (stack / "out/stages/dpo/metrics.jsonl").read_text().splitlines()]
    assert {"step", "loss", "rewards/margins", "grad_norm", "learning_rate", "num_tokens", "time"} <= lines[0].keys()
    assert {line["split"] for line in lines if "loss" in line} == {"train"}
    assert {line["split"] for line in lines if "eval_loss" in line} == {"eval"}


def test_saved_folders_load_in_transformers(stack: Path, posttrain: Posttrain) -> None:
    assert posttrain("run", "stack.yaml", "--out", "out").code == 0
    for stage, auto in (("dpo", AutoModelForCausalLM), ("reward", AutoModelForSequenceClassification)):
        folder = stack / "out/stages" / stage / "model"
        model = auto.from_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        assert tokenizer.chat_template
        saved = load_file(folder / "model.safetensors")
        assert all(torch.equal(saved[name], p) for name, p in model.named_parameters() if name in saved)
        assert not list(folder.glob("*.bin"))
    generation = json.loads((stack / "out/stages/dpo/model/generation_config.json").read_text())
    assert generation["eos_token_id"] in (2, [2])


def test_what_is_done_is_not_done_again(stack: Path, posttrain: Posttrain) -> None:
    posttrain("run", "stack.yaml", "--out", "out")
    before = {s: (stack / "out/stages" / s / "stage.json").stat().st_mtime_ns for s in ("sft", "dpo", "reward")}
    answer = posttrain("run", "stack.yaml", "--out", "out", "--set", "stages.dpo.beta=0.3")
    assert answer.err.count("done already") == 2
    assert "starts over" in answer.err
    assert (stack / "out/stages/dpo.previous-1/model").is_dir()
    after = {s: (stack / "out/stages" / s / "stage.json").stat().st_mtime_ns for s in ("sft", "dpo", "reward")}
    assert [s for s in before if before[s] != after[s]] == ["dpo"]


def test_changed_data_is_noticed(work: Path, posttrain: Posttrain) -> None:
    posttrain("run", "recipe.yaml", "--out", "out")
    with (work / "train.jsonl").open("a") as file:
        file.write('{"prompt": "Say more", "completion": "more"}\n')
    assert "starts over" in posttrain("run", "recipe.yaml", "--out", "out").err


def test_a_seed_gives_the_same_bytes_and_another_seed_others(work: Path, posttrain: Posttrain) -> None:
    for out, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert posttrain("run", "recipe.yaml", "--out", out, "--set", f"seed={seed}").code == 0
    assert weights(work / "a", "sft") == weights(work / "b", "sft") != weights(work / "c", "sft")


def test_a_plan_loads_no_weights_and_tells_steps(work: Path, posttrain: Posttrain) -> None:
    (work / "model").unlink()
    model = save_byte_model(work / "model")
    (model / "model.safetensors").write_bytes(b"not weights")
    answer = posttrain("plan", "recipe.yaml", "--json")
    assert answer.code == 0, answer.err
    (plan,) = json.loads(answer.out)
    assert plan["steps"] == 2 * -(-plan["parts"]["train"]["groups"] // 4)
    assert plan["stops_on"] == ["</s>"]
    assert plan["memory_bytes"]["total"] > 0
    shutil.rmtree(model)


def test_lora_saves_an_adapter_that_the_next_stage_starts_from(work: Path, posttrain: Posttrain) -> None:
    (work / "two.yaml").write_text(
        "model: model\nstages:\n"
        "  sft: {kind: sft, data: train.jsonl, max_length: 128, learning_rate: 1.0e-2, lora: {rank: 4}}\n"
        "  dpo: {kind: dpo, model: sft, data: pairs.jsonl, max_length: 128, max_steps: 1, lora: {rank: 4}}\n"
        "  reward: {kind: reward, model: sft, data: pairs.jsonl, max_length: 128, max_steps: 1}\n"
    )
    answer = posttrain("run", "two.yaml", "--out", "out")
    assert answer.code == 0, answer.err
    assert "Warning" not in answer.err
    from peft import AutoPeftModelForCausalLM

    adapter = AutoPeftModelForCausalLM.from_pretrained(work / "out/stages/sft/model")
    plain = AutoModelForCausalLM.from_pretrained(work / "model")
    tokens = torch.tensor([[1, 40, 50, 60]])
    assert not torch.allclose(adapter(tokens).logits, plain(tokens).logits)


def test_two_runs_do_not_share_a_directory(work: Path, posttrain: Posttrain) -> None:
    from posttrain.pipeline.run_directory import locked

    with locked(work / "out"):
        answer = posttrain("run", "recipe.yaml", "--out", "out")
    assert answer.code == 2
    assert "another run" in answer.err


LONG = ("--set", "stages.sft.epochs=40", "--set", "stages.sft.save_every=7")


def start(work: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "posttrain", "run", "recipe.yaml", *arguments, *LONG],
        cwd=work,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
    )


def wait_for(path: Path, process: subprocess.Popen[bytes], seconds: float = 120.0) -> None:
    until = time.monotonic() + seconds
    while not path.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)


def test_killed_again_and_again_it_ends_with_the_same_weights(work: Path, posttrain: Posttrain) -> None:
    assert posttrain("run", "recipe.yaml", "--out", "whole", *LONG).code == 0
    rng = random.Random(0)
    kills = 0
    for _ in range(30):
        process = start(work, "--out", "killed")
        wait_for(work / "killed/stages/sft/metrics.jsonl", process)
        time.sleep(rng.random() * 0.6)
        process.kill()
        kills += process.wait() == -signal.SIGKILL
        if kills == 4 or process.returncode == 0:
            break
    process = start(work, "--out", "killed")
    assert process.wait() == 0
    assert kills > 0
    assert weights(work / "killed", "sft") == weights(work / "whole", "sft")
    steps = [json.loads(line) for line in (work / "killed/stages/sft/metrics.jsonl").read_text().splitlines()]
    logged = [line["step"] for line in steps if "loss" in line]
    assert logged == list(range(1, len(logged) + 1)), "no step is logged twice or lost"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_its_number_is_the_exit_code(number: int, work: Path, posttrain: Posttrain) -> None:
    process = start(work, "--out", "out")
    wait_for(work / "out/stages/sft/metrics.jsonl", process)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert b"everything is saved" in err
    assert list((work / "out/stages/sft/checkpoints").glob("step-*"))
    assert not (work / "out/stages/sft/stage.json").exists()
    assert posttrain("run", "recipe.yaml", "--out", "out", *LONG).code == 0
    assert posttrain("run", "recipe.yaml", "--out", "whole", *LONG).code == 0
    assert weights(work / "out", "sft") == weights(work / "whole", "sft")
