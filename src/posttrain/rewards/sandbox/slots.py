"""The slots of the pool. A slot runs the processes of one check at a time, and leaves none of them behind."""

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

from posttrain.rewards.sandbox.launch import SandboxProcess

CONTROL_SECONDS = 10.0
LEAVE_SECONDS = 0.5
READY = 2
"""Single-use processes that wait in a slot: a check needs two, a tester and a candidate."""


class SlotBroken(Exception):
    """The slot's process does not answer; another slot is needed."""


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """The end of a process.

    Args:
        code: exit status, or minus the signal's number.
        cpu_seconds: processor time; None where it is unknown.
    """

    code: int
    cpu_seconds: float | None


class ForkingSlot:
    """A warm process that forks the processes of each check, each with its own namespaces."""

    def __init__(self, started: SandboxProcess) -> None:
        self._started = started
        self._started.control.settimeout(CONTROL_SECONDS)

    def run(self, files: dict[int, int]) -> None:
        """Start a process with these files (its number → ours)."""
        _request(self._started.control, files)

    def end(self, leaving: bool) -> list[ProcessEnd]:
        """Kill the started processes; return their ends, in order, when none is left.

        Args:
            leaving: the last process is about to end by itself. (Here its status is already fixed, killed or not.)
        """
        control = self._started.control
        try:
            control.send(b'{"end": 0}')
            answers = json.loads(control.recv(4096))
        except (OSError, ValueError) as error:
            raise SlotBroken from error
        return [ProcessEnd(os.waitstatus_to_exitcode(status), used) for status, used in answers]

    def close(self) -> None:
        """Kill all processes."""
        self._started.close()


class SingleUseSlot:
    """Processes that are started in advance and used once, for kernels that allow no nested namespaces."""

    def __init__(self, first: SandboxProcess, start: Callable[[], "Future[SandboxProcess]"]) -> None:
        self._start = start
        done: Future[SandboxProcess] = Future()
        done.set_result(first)
        self._ready = deque([done, *(start() for _ in range(READY - 1))])
        self._used: list[SandboxProcess] = []

    def run(self, files: dict[int, int]) -> None:
        """Turn a ready process into one with these files (its number → ours)."""
        self._ready.append(self._start())
        started = self._ready.popleft().result()
        self._used.append(started)
        _request(started.control, files, answered=False)

    def end(self, leaving: bool) -> list[ProcessEnd]:
        """Kill the started processes; return their ends, in order.

        Args:
            leaving: the last process is about to end by itself, and gets a moment for it.
        """
        ended: list[ProcessEnd] = []
        for started in self._used:
            if leaving and started is self._used[-1]:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    started.process.wait(LEAVE_SECONDS)
            running = started.process.poll() is None
            started.close()
            code = started.process.returncode
            code = -signal.SIGKILL if running else code if code <= 128 else 128 - code  # bubblewrap: 128 + signal
            ended.append(ProcessEnd(code, None))
        self._used.clear()
        return ended

    def close(self) -> None:
        """Kill all processes."""
        self.end(leaving=False)
        for future in self._ready:
            if not future.cancel():
                future.result().close()


def _request(control: socket.socket, files: dict[int, int], answered: bool = True) -> None:
    try:
        socket.send_fds(control, [json.dumps({"run": list(files)}).encode()], list(files.values()))
        if answered and not control.recv(64):
            raise SlotBroken
    except OSError as error:
        raise SlotBroken from error
