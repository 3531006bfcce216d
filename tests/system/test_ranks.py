"""Several processes train one model: they follow the losses of one process, and give the same bits twice."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from byte_model import save_byte_model
from on_policy_recipes import DISTILL, GRPO, PPO, REWARD, write_files
from ranks_run import command, metrics, run, sharded, stages, weights

CURATED = """\
  sft:
    {kind: sft, data: train.jsonl, validation: 0.25, max_length: 128, batch_size: 5, row_tokens: 90}
  ift:
    {kind: ift, data: {path: train.jsonl, task: say}, max_length: 128, batch_size: 4, row_tokens: 90, lora: {rank: 4}}
  dpo: {kind: dpo, data: pairs.jsonl, validation: 0.25, max_length: 128, batch_size: 3, row_tokens: 120}
  kto: {kind: kto, data: judged.jsonl, max_length: 128, batch_size: 4, row_tokens: 120}
"""


SUITES = """\
suites:
  drawn: {data: asks.jsonl, metrics: contains, max_new_tokens: 4, temperature: 1.0, samples: 2}
  text: {kind: perplexity, data: text.txt, window: 64, stride: 32}
"""


def write_recipe(work: Path) -> None:
    """Every technique, 12 steps or less of each."""
    write_files(work)
    save_byte_model(work / "teacher", seed=1)
    judged = [{"prompt": f"Say {n}", "completion": str(n), "label": n % 3 > 0} for n in range(16)]
    (work / "judged.jsonl").write_text("".join(json.dumps(row) + "\n" for row in judged))
    asks = [{"id": str(n), "input": f"Say {n}", "target": str(n), "choices": ["a", "b"]} for n in range(5)]
    (work / "asks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asks))
    (work / "text.txt").write_text("\n\n".join("one two three " * n for n in range(1, 6)))
    stages = CURATED + REWARD + PPO + GRPO + DISTILL
    (work / "all.yaml").write_text(f"model: model\n{SUITES}stages:\n{stages}")


def assert_close(one: Path, other: Path) -> None:
    """Every metric within 1e-5, and the weights of a model within 1e-6 of their norm."""
    assert [s.name for s in stages(one)] == [s.name for s in stages(other)]
    for first, second in zip(stages(one), stages(other), strict=True):
        for ours, theirs in zip(metrics(first), metrics(second), strict=True):
            timed = {"time", "tokens_per_second", "split"}
            assert ours.keys() == theirs.keys()
            for name in ours.keys() - timed:
                close = ours[name] == theirs[name] or abs(ours[name] - theirs[name]) <= 1e-5 * max(1, abs(ours[name]))
                assert close, (first.name, ours["step"], name, ours[name], theirs[name])
        for file in (first / "model").glob("*.safetensors"):
            before, after = load_file(file), load_file(second / "model" / file.name)
            distance = sum(float(np.sum((tensor - after[name]) ** 2)) for name, tensor in before.items()) ** 0.5
            assert distance <= 1e-6 * sum(float(np.sum(tensor**2)) for tensor in before.values()) ** 0.5, file


def answers(stage: Path) -> list[str]:
    """The sampled answers of a stage's model; none of a reward model."""
    path = stage / "behaviour/samples_drawn.jsonl"
    return [json.loads(line)["answer"] for line in path.read_text().splitlines()] if path.exists() else []


EVERY = ("sft", "ift", "dpo", "kto", "rm", "ppo", "grpo", "distill")


def test_every_technique_follows_one_process(work: Path) -> None:
    """Two processes with all weights, and three with shards of them."""
    write_recipe(work)
    runs = {"one": [], "two": ["--processes", "2"], "shards": ["--processes", "3", *sharded(*EVERY)]}
    for out, words in runs.items():
        done = run(work, "all.yaml", "--out", out, *words)
        assert done.returncode == 0, done.stderr[-3000:]
    assert_close(work / "one", work / "two")
    assert_close(work / "one", work / "shards")
    assert len(answers(work / "one/stages/sft")) == 10
    for first, second in zip(stages(work / "one"), stages(work / "two"), strict=True):
        assert answers(first) == answers(second), first.name


PICKING = """\
model: model
suites: {drawn: {data: asks.jsonl, metrics: contains, max_new_tokens: 4, temperature: 1.0, samples: 2}}
stages:
  drafts: {kind: candidates, data: rl_prompts.jsonl, k: 3, max_new_tokens: 6}
  best: {kind: pick, data: drafts, rewards: {short: {kind: length, unit: characters, free: 1, margin: 20}}}
  sft: {kind: sft, data: train.jsonl, batch_size: 4, max_steps: 1}
"""


def test_ranks_share_the_candidates_their_scores_and_the_first_measurement(work: Path) -> None:
    write_recipe(work)
    (work / "picking.yaml").write_text(PICKING)
    for out, processes in (("picked-one", 1), ("picked-two", 2)):
        done = run(work, "picking.yaml", "--out", out, "--processes", str(processes))
        assert done.returncode == 0, done.stderr[-3000:]
    for file in ("stages/drafts/candidates.jsonl", "stages/best/picked.jsonl"):
        assert (work / "picked-one" / file).read_bytes() == (work / "picked-two" / file).read_bytes(), file
    for one, two in zip(*(drawn(work / out) for out in ("picked-one", "picked-two")), strict=True):
        assert one.pop("confidence") == pytest.approx(two.pop("confidence"), rel=1e-5), "another order of sums"
        assert one == two


def drawn(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / "base/behaviour/samples_drawn.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_other_numbers_of_processes_follow_one(work: Path) -> None:
    write_recipe(work)
    shards = ["--processes", "2", *sharded(*EVERY)]
    for out, words in (("one", []), ("four", ["--processes", "4"]), ("shards", shards)):
        done = run(work, "all.yaml", "--out", out, *words)
        assert done.returncode == 0, done.stderr[-3000:]
    assert_close(work / "one", work / "four")
    assert_close(work / "one", work / "shards")


@pytest.mark.slow
@pytest.mark.parametrize("mode", [[], sharded(*EVERY)], ids=["all weights", "shards"])
def test_every_technique_gives_the_same_bits_twice(work: Path, mode: list[str]) -> None:
    """CI holds SFT to it in both modes, with a rank that is killed: see `test_ranks_stopped.py`."""
    write_recipe(work)
    for out in ("one", "twice"):
        done = run(work, "all.yaml", "--out", out, "--processes", "2", *mode)
        assert done.returncode == 0, done.stderr[-3000:]
    for first, second in zip(stages(work / "one"), stages(work / "twice"), strict=True):
        assert weights(first) == weights(second), first.name


def on_two_machines(work: Path, *words: str) -> None:
    """Four ranks, of which a launcher says that two are on each machine."""
    port = str(20000 + random.randrange(20000))
    cache = work / "cache-hybrid"
    cache.mkdir(exist_ok=True)
    shutil.copy(Path(os.environ["POSTTRAIN_CACHE"]) / "matmul.json", cache)
    variables = {"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    environment = {**os.environ, **variables, "OMP_NUM_THREADS": "1", "POSTTRAIN_CACHE": str(cache)}
    ranks = [
        subprocess.Popen(
            command(*words),
            cwd=work,
            env={**environment, "RANK": str(n), "LOCAL_RANK": str(n % 2)},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        for n in range(4)
    ]
    errors = [rank.communicate(timeout=300)[1] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0] * 4, errors[0][-3000:]
    assert "divided among 2 processes" in errors[0]


FEW = ("--set", "stages.sft.max_steps=8", "--set", "stages.sft.save_every=4")
HYBRID = ("--set", "stages.sft.parallel=hybrid")


@pytest.mark.slow
def test_hybrid_shards_on_two_machines_follow_one_process(work: Path) -> None:
    write_files(work)
    assert run(work, "recipe.yaml", "--out", "hybrid-one", *FEW).returncode == 0
    on_two_machines(work, "recipe.yaml", "--out", "hybrid", *FEW, *HYBRID)
    assert_close(work / "hybrid-one", work / "hybrid")


@pytest.mark.slow
def test_hybrid_shards_resume_to_the_same_bits(work: Path) -> None:
    write_files(work)
    on_two_machines(work, "recipe.yaml", "--out", "hybrid", *FEW, *HYBRID)
    checkpoint = work / "hybrid/stages/sft/checkpoints/step-00000004"
    assert sum(file.stat().st_size for file in (checkpoint / "shards").iterdir()) < 4 * 2**20
    shutil.copytree(work / "hybrid", work / "hybrid-again", symlinks=True)
    for newer in ("model", "stage.json", "checkpoints/step-00000008"):
        path = work / "hybrid-again/stages/sft" / newer
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    on_two_machines(work, "recipe.yaml", "--out", "hybrid-again", *FEW, *HYBRID)
    assert weights(work / "hybrid-again/stages/sft") == weights(work / "hybrid/stages/sft")


@pytest.mark.slow
def test_torchrun_starts_it_too(work: Path) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "posttrain"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = ["run", "recipe.yaml", "--out", "launched"]
    done = subprocess.run([*launch, *words], cwd=work, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert run(work, "recipe.yaml", "--out", "own", "--processes", "2").returncode == 0
    assert weights(work / "launched/stages/sft") == weights(work / "own/stages/sft")
