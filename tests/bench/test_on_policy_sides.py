"""posttrain's sides of the benchmarks that replace parts of generation run with the engine as it is."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from byte_model import save_byte_model

BENCH = Path(__file__).parents[2] / "bench"
LENGTHS = [3, 7, 4, 1, 5, 6, 2, 8]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_byte_model(tmp_path / "model")
    asked = [{"prompt": [1, 9, 9 + n], "lengths": LENGTHS[n:] + LENGTHS[:n]} for n in range(4)]
    (tmp_path / "asked.json").write_text(json.dumps(asked))
    return tmp_path


def answer_of(side: str, job: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, str(BENCH / f"{side}_posttrain_side.py"), json.dumps(job)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_completions_are_as_long_as_the_benchmark_asks_for(folder: Path) -> None:
    """The side itself checks the length of every completion."""
    assert answer_of("write", {"folder": str(folder), "task": "grpo", "rows": 4})["seconds"] > 0


@pytest.mark.parametrize("bf16", [False, True])
def test_a_grpo_step_with_adapters_is_timed(bf16: bool, folder: Path) -> None:
    job = {"folder": str(folder), "task": "grpo", "rows": 4, "batch_size": 4, "lora": True, "bf16": bf16}
    answer = answer_of("step", job)
    assert answer["seconds"] > 0
    assert len(answer["losses"]) == 1, "the first step is not counted"
