"""Runs of several processes on one model, in a folder of `on_policy_recipes.write_files`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any


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


def sharded(*stages: str) -> list[str]:
    return [word for stage in stages for word in ("--set", f"stages.{stage}.parallel=shard")]
