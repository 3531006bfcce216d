"""What a side is told and what it answers; how it measures its own memory."""

import json
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil


@dataclass(frozen=True)
class Job:
    """One side's work: `warmup` rows (one step, not counted), then `rows` rows, `batch_size` a step.

    Args:
        folder: what `inputs.py` wrote.
        task: "sft", "dpo" or "reward".
        setting: the peer's setting; posttrain has one.
        lora: train adapters (rank 16 on all linear layers) instead of all weights.
        bf16: matrix products in bfloat16 (autocast), weights in float32.
    """

    folder: str
    task: str
    setting: str = "default"
    rows: int = 512
    batch_size: int = 8
    lora: bool = False
    bf16: bool = False
    learning_rate: float = 1e-4

    @property
    def data(self) -> list[dict[str, list[int]]]:
        """The first step's rows twice: once to warm up, once counted."""
        name = "sft" if self.task == "sft" else "pairs"
        rows: list[dict[str, list[int]]] = json.loads((Path(self.folder) / f"{name}.json").read_text())
        return rows[: self.batch_size] + rows[: self.rows]

    @property
    def model(self) -> str:
        """The model's folder."""
        return str(Path(self.folder) / ("scored" if self.task == "reward" else "model"))


@dataclass(frozen=True)
class Answer:
    """What a side measured.

    Args:
        seconds: wall time of the counted rows.
        processor_seconds: time the processor's cores spent on them, all threads, user and system.
        peak: most resident memory of the whole process, bytes.
        share: part of the counted rows' tokens that these seconds and losses cover.
        imported: resident memory once the libraries were imported, before model and data, bytes.
        losses: of each counted step.
    """

    seconds: float
    processor_seconds: float
    peak: int
    imported: int
    losses: list[float]
    share: float = 1.0


class Clock:
    """Times, losses and the peak of memory of posttrain's steps: what its loop is watched by."""

    def __init__(self) -> None:
        self.times: list[tuple[float, float]] = []
        self.losses: list[float] = []
        self.peak = 0

    def on_step(self, step: int, total: int, values: Mapping[str, float | int | None]) -> None:
        """Called after each step."""
        self.times.append(now())
        self.losses.append(float(values["loss"] or 0.0))
        if step == total:
            self.peak = peak()


def now() -> tuple[float, float]:
    """Wall clock and the process's processor time, seconds."""
    return time.perf_counter(), time.process_time()


def resident() -> int:
    """Resident memory now, bytes."""
    return int(psutil.Process().memory_info().rss)


def peak() -> int:
    """Most resident memory so far, bytes. Not `ru_maxrss`: that one survives exec, so it counts the parent."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None, "peak memory is read from /proc, so the benchmark needs Linux"
    return int(found[1]) * 1024


def read_job() -> Job:
    """The job given on the command line."""
    return Job(**json.loads(sys.argv[1]))


def answer(**values: Any) -> None:
    """Print the answer as the last line."""
    print(json.dumps(asdict(Answer(**values))), flush=True)
