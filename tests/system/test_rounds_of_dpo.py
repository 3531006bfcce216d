"""Two rounds of candidates, pairs and DPO: a round's reference is its start model, and a kill changes nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from command_line import Posttrain

RECIPE = """\
model: model
rounds:
  count: 2
  stages:
    write: {kind: candidates, data: prompts.jsonl, k: 4, max_new_tokens: 6}
    pick:
      kind: pick
      data: write
      rewards: {letters: {kind: python, file: mine.py, function: letters}}
      keep: pairs
      min_difference: 0.2
    dpo:
      {kind: dpo, data: pick, max_length: 48, batch_size: 4, learning_rate: 3.0e-3, epochs: 5, save_every: 2}
"""

REWARD = """\
def letters(completion, row):
    return sum(c.isascii() and c.isalpha() for c in completion) / max(len(completion), 1)
"""

ROUND_FILES = {
    "write": ("candidates.jsonl", "params.json"),
    "pick": ("picked.jsonl", "best_of_n.json"),
    "dpo": ("model/model.safetensors",),
}


@pytest.fixture
def folder(work: Path) -> Path:
    """The work folder, with a copy of the model that has few positions, so that the sample answers are short."""
    config = json.loads((work / "model/config.json").read_text())
    source = (work / "model").resolve()
    (work / "model").unlink()
    shutil.copytree(source, work / "model")
    (work / "model/config.json").write_text(json.dumps({**config, "max_position_embeddings": 48}))
    (work / "mine.py").write_text(REWARD)
    (work / "rounds.yaml").write_text(RECIPE)
    rows = [{"id": n, "prompt": f"Say {n}"} for n in range(16)]
    (work / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return work


def run_and_kill_in_the_second_dpo(folder: Path) -> None:
    command = [sys.executable, "-m", "posttrain", "run", "rounds.yaml", "--out", "killed"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    log, until = folder / "killed/stages/dpo-2/metrics.jsonl", time.monotonic() + 120
    while process.poll() is None and time.monotonic() < until:
        if log.exists() and log.read_bytes().count(b'"train"') > 4:
            break
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (log.parent / "model").exists()


def steps_of(stage: Path) -> list[dict[str, Any]]:
    """The steps in the log of a stage, without the times."""
    lines = [json.loads(line) for line in (stage / "metrics.jsonl").read_text().splitlines()]
    timeless = [{k: v for k, v in line.items() if k not in ("time", "tokens_per_second")} for line in lines]
    return [line for line in timeless if line["split"] == "train"]


@pytest.mark.slow
def test_killed_in_the_second_round_it_ends_with_the_same_bytes(folder: Path, posttrain: Posttrain) -> None:
    run_and_kill_in_the_second_dpo(folder)
    resumed, whole = (posttrain("run", "rounds.yaml", "--out", out) for out in ("killed", "whole"))
    assert (resumed.code, whole.code) == (0, 0), resumed.err + whole.err
    assert resumed.err.count("done already") == 5
    killed, peaceful = folder / "killed/stages", folder / "whole/stages"
    for number in (1, 2):
        for name, files in ROUND_FILES.items():
            for file in (f"{name}-{number}/{file}" for file in files):
                assert (killed / file).read_bytes() == (peaceful / file).read_bytes(), file
        assert steps_of(killed / f"dpo-{number}") == steps_of(peaceful / f"dpo-{number}")

    weights = [peaceful / f"dpo-{number}/model/model.safetensors" for number in (1, 2)]
    assert len({path.read_bytes() for path in (folder / "model/model.safetensors", *weights)}) == 3
    for number in (1, 2):  # against the first model, the ratios of round 2 would not begin at 0
        first, *_, last = steps_of(peaceful / f"dpo-{number}")
        assert first["rewards/chosen"] == pytest.approx(0, abs=1e-4)
        assert first["rewards/rejected"] == pytest.approx(0, abs=1e-4)
        assert last["rewards/margins"] > 0.05
    picked = (peaceful / "pick-2/picked.jsonl").read_text().splitlines()
    writers = [json.loads(row)["meta_model"] for row in picked]
    assert {writer[side] for writer in writers for side in ("chosen", "rejected")} == {"dpo-1"}
