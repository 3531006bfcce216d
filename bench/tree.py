"""A command and all processes it starts: their time, and the most memory they held together."""

import os
import re
import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Spent:
    """What a command and its children took: wall seconds, seconds of all cores, bytes held at most."""

    seconds: float
    processor_seconds: float
    peak: int


def run(command: Sequence[str], folder: Path, *, codes: Sequence[int] = (0,), **environment: str) -> Spent:
    """Run a command in a folder. Memory is looked at five times a second, pages that processes share counted once.

    Args:
        codes: exit codes that are fine.
        environment: further variables.
    """
    before, started = _used(), time.monotonic()
    with (folder / "output.txt").open("w+") as out:
        whole: Mapping[str, str] = {**os.environ, **environment}
        process = subprocess.Popen(command, cwd=folder, env=whole, stdout=out, stderr=subprocess.STDOUT)
        peak = 0
        while process.poll() is None:
            peak = max(peak, _held(process.pid))
            time.sleep(0.2)
        if process.returncode not in codes:
            out.seek(0)
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{out.read()[-2000:]}")
    return Spent(time.monotonic() - started, _used() - before, peak)


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _held(pid: int) -> int:
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    return sum(_proportional(one.pid) for one in family)


def _proportional(pid: int) -> int:
    try:
        found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
    except OSError:
        return 0  # it has ended
    return int(found[1]) * 1024 if found else 0
