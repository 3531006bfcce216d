"""Other programs on the machine: waiting for them to pause, and how much of it they took meanwhile.

Two threads that meet at each small product suffer many times from a third one that wants a core, so a figure is worth
what the column "others" says beside it.
"""

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def _busy() -> float:
    """Seconds that the machine's cores have worked since it started."""
    user, nice, system, _, _, *rest = map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:8])
    return (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK")


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def wait(limit: float = 120.0) -> None:
    """Until others use less than a tenth of a core for two seconds, but no longer than so many seconds."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        before = _busy()
        time.sleep(2)
        if _busy() - before < 0.2:
            return


def watched(run: Callable[[], T]) -> tuple[T, float]:
    """What a call that starts a process returns, and the cores that other programs used meanwhile."""
    wait()
    busy, own, started = _busy(), _children(), time.monotonic()
    found = run()
    return found, max(0.0, (_busy() - busy - _children() + own) / (time.monotonic() - started))
