"""Compare two formulas by computer algebra (math-verify on sympy), in a child process.

A computer algebra system has no bound on time or memory: ``9^{9^{9^9}}`` never ends. An alarm in the trainer's process
stops neither one long multiplication nor work off the main thread. So a child process compares; its own alarm ends it,
and the next request starts another child.
"""

import json
import subprocess
import sys
import threading
from functools import lru_cache
from pathlib import Path
from typing import IO
from weakref import finalize

from posttrain.errors import InputError

SECONDS = 3.0
"""Processor time that one comparison may take."""


class Algebra:
    """The child process, started by the first comparison. Threads take turns."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None

    def equal(self, target: str, answer: str) -> bool:
        """Whether `answer` equals `target`, both LaTeX or plain. False where the comparison takes too long.

        Raises:
            InputError: `target` is no formula, or even its comparison with 1 takes too long.
        """
        with self._lock:
            reply = self._request(json.dumps([target, answer]))
            if not reply and not self._request(json.dumps([target, "1"])):
                raise InputError(f"the target {target[:80]!r} takes too long to compare; write it in a simpler form")
        if reply == "unreadable":
            raise InputError(f"the target {target[:80]!r} is neither a number nor a formula that can be read")
        return reply == "equal"

    def _request(self, line: str) -> str:
        """The child's reply; empty where the child ended before it replied."""
        if self._child is None or self._child.poll() is not None:
            self._child = self._start()
        requests, replies = _pipes(self._child)
        try:
            requests.write(line + "\n")
            requests.flush()
            reply = replies.readline().strip()
        except BrokenPipeError:
            reply = ""
        if not reply:  # the child ended itself: it was out of time, or of memory in C
            self._child.kill()
            self._child.wait()
            self._child = None
        return reply

    def _start(self) -> "subprocess.Popen[str]":
        script = Path(__file__).with_name("algebra_child.py")
        child = subprocess.Popen(
            [sys.executable, "-I", str(script), str(self._seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # so that Ctrl-C reaches the trainer alone
        )
        finalize(self, _end, child)
        if _pipes(child)[1].readline().strip() != "ready":
            raise InputError(f"math-verify does not start; try `{sys.executable} -c 'import math_verify'`")
        return child


@lru_cache(maxsize=1)
def shared_algebra() -> Algebra:
    """The `Algebra` that all rewards of this process share."""
    return Algebra()


def _pipes(child: "subprocess.Popen[str]") -> tuple[IO[str], IO[str]]:
    assert child.stdin is not None
    assert child.stdout is not None
    return child.stdin, child.stdout


def _end(child: "subprocess.Popen[str]") -> None:
    child.kill()
    child.wait()
    for pipe in _pipes(child):
        pipe.close()
