"""Ranks that die, hang or are stopped: all end with one sentence, and the run goes on to the same bits."""

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from on_policy_recipes import write_files
from ranks_run import command, losses_in, run, sharded, weights


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
