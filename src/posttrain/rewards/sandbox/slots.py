"""A slot of the pool: what runs one check's processes and leaves nothing of them behind."""

import contextlib
import json
import os
import signal
import socket
import subprocess
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from posttrain.rewards.sandbox.launch import Started

CONTROL_SECONDS = 10.0
LEAVE_SECONDS = 0.5
READY = 2
"""Single-use processes kept ready for a slot: a check needs two, a tester and a candidate."""


class SlotBroken(Exception):
    """The slot's process does not answer; take another slot."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended.

    Args:
        code: exit status, or minus the signal.
        cpu_seconds: processor time; None where unknown.
    """

    code: int
    cpu_seconds: float | None


class ForkingSlot:
    """One warm process that forks each check's processes into namespaces of their own."""

    def __init__(self, started: Started) -> None:
        self._started = started
        self._started.control.settimeout(CONTROL_SECONDS)

    def run(self, files: dict[int, int]) -> None:
        """Start a process with these files (its number → ours)."""
        _ask(self._started.control, files)

    def end(self, leaving: bool) -> list[Ended]:
        """Kill what was started; returns how each ended, in that order, when nothing is left.

        Args:
            leaving: the last one is about to end by itself. (Its status is already settled, killed or not.)
        """
        control = self._started.control
        try:
            control.send(b'{"end": 0}')
            answers = json.loads(control.recv(4096))
        except (OSError, ValueError) as error:
            raise SlotBroken from error
        return [Ended(os.waitstatus_to_exitcode(status), used) for status, used in answers]

    def close(self) -> None:
        """Kill all."""
        self._started.close()


class SingleUseSlot:
    """Processes started ahead, each used once: where the kernel lets a sandbox make no namespaces of its own."""

    def __init__(self, first: Started, start: Callable[[], "Future[Started]"]) -> None:
        self._start = start
        done: Future[Started] = Future()
        done.set_result(first)
        self._ready = deque([done, *(start() for _ in range(READY - 1))])
        self._used: list[Started] = []

    def run(self, files: dict[int, int]) -> None:
        """Turn a ready process into one with these files (its number → ours)."""
        self._ready.append(self._start())
        started = self._ready.popleft().result()
        self._used.append(started)
        _ask(started.control, files, answered=False)

    def end(self, leaving: bool) -> list[Ended]:
        """Kill what was started; how each ended, in that order.

        Args:
            leaving: the last one is about to end by itself, and is given a moment for it.
        """
        ended: list[Ended] = []
        for started in self._used:
            if leaving and started is self._used[-1]:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    started.process.wait(LEAVE_SECONDS)
            running = started.process.poll() is None
            started.close()
            code = started.process.returncode
            code = -signal.SIGKILL if running else code if code <= 128 else 128 - code  # bubblewrap: 128 + signal
            ended.append(Ended(code, None))
        self._used.clear()
        return ended

    def close(self) -> None:
        """Kill all."""
        self.end(leaving=False)
        for future in self._ready:
            if not future.cancel():
                future.result().close()


def _ask(control: socket.socket, files: dict[int, int], answered: bool = True) -> None:
    try:
        socket.send_fds(control, [json.dumps({"run": list(files)}).encode()], list(files.values()))
        if answered and not control.recv(64):
            raise SlotBroken
    except OSError as error:
        raise SlotBroken from error
