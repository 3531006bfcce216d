"""Several processes train one model: the losses of one process, the same bits twice, and one sentence when one dies."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from safetensors.numpy import load_file

from byte_model import save_byte_model
from on_policy_recipes import DISTILL, GRPO, PPO, REWARD, write_files

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


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "posttrain", "run", *words]


def run(work: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    cache = work / f"cache-{words[words.index('--out') + 1]}"  # so that each run computes its own reference
    cache.mkdir(exist_ok=True)
    shutil.copy(Path(os.environ["POSTTRAIN_CACHE"]) / "matmul.json", cache)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "POSTTRAIN_CACHE": str(cache), **variables}
    return subprocess.run(command(*words), cwd=work, env=environment, capture_output=True, text=True, check=False)


def metrics(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def losses_in(folder: Path) -> list[float]:
    return [line["loss"] for line in metrics(folder) if "loss" in line]


def weights(folder: Path) -> dict[str, bytes]:
    files = sorted((folder / "model").glob("*.safetensors"))
    assert files
    return {file.name: file.read_bytes() for file in files}


def stages(out: Path) -> list[Path]:
    return sorted((out / "stages").iterdir())


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


def test_every_technique_follows_one_process_and_gives_the_same_bits_twice(work: Path) -> None:
    write_recipe(work)
    for out, processes in (("one", 1), ("two", 2), ("twice", 2)):
        done = run(work, "all.yaml", "--out", out, "--processes", str(processes))
        assert done.returncode == 0, done.stderr[-3000:]
    assert_close(work / "one", work / "two")
    assert len(answers(work / "one/stages/sft")) == 10
    for first, second in zip(stages(work / "one"), stages(work / "two"), strict=True):
        assert answers(first) == answers(second), first.name
    for first, second in zip(stages(work / "two"), stages(work / "twice"), strict=True):
        assert weights(first) == weights(second), first.name


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
    for file in ("stages/drafts/candidates.jsonl", "stages/best/picked.jsonl", "base/behaviour/samples_drawn.jsonl"):
        assert (work / "picked-one" / file).read_bytes() == (work / "picked-two" / file).read_bytes(), file


def sharded(*stages: str) -> list[str]:
    return [word for stage in stages for word in ("--set", f"stages.{stage}.parallel=shard")]


EVERY = ("sft", "ift", "dpo", "kto", "rm", "ppo", "grpo", "distill")


def test_in_shards_every_technique_follows_one_process(work: Path) -> None:
    write_recipe(work)
    for out, words in (("one", []), ("three", ["--processes", "3", *sharded(*EVERY)])):
        done = run(work, "all.yaml", "--out", out, *words)
        assert done.returncode == 0, done.stderr[-3000:]
    assert_close(work / "one", work / "three")


@pytest.mark.slow
def test_other_numbers_of_processes_follow_one_and_shards_give_the_same_bits_twice(work: Path) -> None:
    write_recipe(work)
    for out, words in (
        ("one", []),
        ("four", ["--processes", "4"]),
        ("two", ["--processes", "2", *sharded(*EVERY)]),
        ("twice", ["--processes", "2", *sharded(*EVERY)]),
    ):
        done = run(work, "all.yaml", "--out", out, *words)
        assert done.returncode == 0, done.stderr[-3000:]
    assert_close(work / "one", work / "four")
    assert_close(work / "one", work / "two")
    for first, second in zip(stages(work / "two"), stages(work / "twice"), strict=True):
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


def test_bad_input_is_one_sentence(work: Path) -> None:
    (work / "train.jsonl").write_text('{"prompt": 3}\n')
    done = run(work, "recipe.yaml", "--out", "bad", "--processes", "2")
    assert done.returncode == 2
    assert done.stderr.count("error:") == 1
    assert "Traceback" not in done.stderr


LONG = ("--set", "stages.sft.max_steps=90", "--set", "stages.sft.epochs=100", "--set", "stages.sft.save_every=9")


def started(work: Path, *words: str, **variables: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    pipe = subprocess.PIPE
    return subprocess.Popen(command(*words), cwd=work, env=environment, stdout=pipe, stderr=pipe, text=True)


def start(work: Path, out: str, **variables: str) -> subprocess.Popen[str]:
    return started(work, "recipe.yaml", "--out", out, "--processes", "2", *LONG, **variables)


def wait_for_steps(log: Path, steps: int, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < until:
        if log.exists() and len(log.read_text().splitlines()) >= steps:
            return
        time.sleep(0.01)


def ranks_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes of the ranks, in order: they are started one after the other."""
    return sorted(psutil.Process(process.pid).children(), key=lambda child: child.pid)


@pytest.mark.parametrize("victim", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_a_killed_rank_ends_all_with_one_sentence_and_the_run_goes_on(work: Path, victim: int) -> None:
    process = start(work, "killed")
    wait_for_steps(work / "killed/stages/sft/metrics.jsonl", 20, process)
    ranks = ranks_of(process)
    assert len(ranks) == 2
    ranks[victim].send_signal(signal.SIGKILL)
    started = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - started < 60
    assert process.returncode == 1
    assert errors.count("error:") == 1
    assert f"rank {victim} was ended by SIGKILL" in errors
    assert "Traceback" not in errors
    assert not [rank for rank in ranks if rank.is_running() and rank.status() != psutil.STATUS_ZOMBIE]
    for out in ("killed", "whole"):
        done = run(work, "recipe.yaml", "--out", out, "--processes", "2", *LONG)
        assert done.returncode == 0, done.stderr[-3000:]
    assert weights(work / "killed/stages/sft") == weights(work / "whole/stages/sft")


def test_sigterm_saves_on_all_ranks_and_another_number_of_ranks_goes_on(work: Path) -> None:
    process = start(work, "stopped")
    wait_for_steps(work / "stopped/stages/sft/metrics.jsonl", 20, process)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert "everything is saved" in errors
    done = run(work, "recipe.yaml", "--out", "stopped", "--processes", "3", *LONG)
    assert done.returncode == 0, done.stderr[-3000:]
    whole = run(work, "recipe.yaml", "--out", "whole", *LONG)
    assert whole.returncode == 0
    assert len(losses_in(work / "stopped/stages/sft")) == 90
    losses = [losses_in(work / out / "stages/sft")[:40] for out in ("stopped", "whole")]
    assert np.allclose(losses[0], losses[1], atol=1e-5)


def test_shards_resume_to_the_same_bits_and_on_other_numbers_of_ranks(work: Path) -> None:
    shards = sharded("sft")
    process = started(work, "recipe.yaml", "--out", "cut", "--processes", "2", *LONG, *shards)
    wait_for_steps(work / "cut/stages/sft/metrics.jsonl", 40, process)
    ranks_of(process)[1].send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    checkpoints = (work / "cut/stages/sft/checkpoints").glob("step-*")
    checkpoint = max(path for path in checkpoints if path.suffix != ".partial")
    names = {path.name.split("_")[0] for path in (checkpoint / "shards").iterdir()}
    assert all(path.suffix == ".safetensors" for path in (checkpoint / "shards").iterdir()), names
    for copy in ("one", "three"):
        shutil.copytree(work / "cut", work / copy, symlinks=True)
    for out, count in (("cut", 2), ("whole", 2), ("three", 3), ("one", 1)):
        done = run(work, "recipe.yaml", "--out", out, "--processes", str(count), *LONG, *shards)
        assert done.returncode == 0, done.stderr[-3000:]
    assert weights(work / "cut/stages/sft") == weights(work / "whole/stages/sft")
    for other in ("three", "one"):
        assert np.allclose(losses_in(work / other / "stages/sft"), losses_in(work / "whole/stages/sft"), atol=1e-5)


@pytest.mark.parametrize("victim", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_a_stopped_rank_is_named_after_the_timeout(work: Path, victim: int) -> None:
    """Within the work of all ranks; while rank 0 works alone, such as when it saves, the others wait for it."""
    rarely = ("--set", "stages.sft.save_every=90")
    process = started(
        work, "recipe.yaml", "--out", "hung", "--processes", "2", *LONG, *rarely, POSTTRAIN_RANK_TIMEOUT="5"
    )
    wait_for_steps(work / "hung/stages/sft/metrics.jsonl", 20, process)
    ranks = ranks_of(process)
    ranks[victim].send_signal(signal.SIGSTOP)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 75
    assert errors.count("error:") == 1
    assert f"rank {victim} does not answer" in errors
    assert not [rank for rank in ranks if rank.is_running() and rank.status() != psutil.STATUS_ZOMBIE]


def test_a_run_directory_that_a_rank_does_not_see_is_told_at_the_start(work: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("recipe.yaml", "train.jsonl", "model"):
        (elsewhere / name).symlink_to((work / name).resolve())
    port = str(20000 + random.randrange(20000))
    together = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen(
            command("recipe.yaml", "--out", "here"),
            cwd=folder,
            env={**os.environ, **together, "RANK": str(number)},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        for number, folder in enumerate((work, elsewhere))
    ]
    errors = [rank.communicate(timeout=60)[1] for rank in ranks]
    assert ranks[0].returncode == 2
    assert "rank 1 does not see this folder" in errors[0]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sft", "grpo"])
def test_killed_at_ten_random_moments_it_ends_with_the_same_bytes(work: Path, kind: str) -> None:
    write_files(work)
    recipe = {"sft": "recipe.yaml", "grpo": "grpo.yaml"}[kind]
    sets = ("--set", f"stages.{kind}.epochs=60", "--set", f"stages.{kind}.save_every=5")
    rng = random.Random(kind)
    for _ in range(10):
        process = started(work, recipe, "--out", "killed", "--processes", "2", *sets)
        time.sleep(8 + 6 * rng.random())
        ranks = ranks_of(process)
        if len(ranks) < 2:
            break
        ranks[rng.randrange(2)].send_signal(signal.SIGKILL)
        errors = process.communicate(timeout=60)[1]
        assert errors.count("error:") == 1, errors
        assert not [rank for rank in ranks if rank.is_running() and rank.status() != psutil.STATUS_ZOMBIE]
    for out in ("killed", "whole"):
        assert run(work, recipe, "--out", out, "--processes", "2", *sets).returncode == 0
    assert weights(work / f"killed/stages/{kind}") == weights(work / f"whole/stages/{kind}")
