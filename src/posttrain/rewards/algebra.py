"""Are two formulas equal? Asked of a process of its own (math-verify on sympy), since ``9^{9^{9^9}}`` takes forever.

A computer algebra system has no bound on time or memory, and an alarm within the trainer's process would not stop
one long multiplication nor work off the main thread. So the work is done by a child that can be lost: its own alarm
ends it, and the next question starts another.
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
"""Of processor time that one comparison may take."""


class Algebra:
    """The child process, started when first asked. Threads take turns."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None

    def equal(self, target: str, answer: str) -> bool:
        """Whether `answer` equals `target`, both LaTeX or plain. False where the answer takes too long to compare.

        Raises:
            InputError: `target` is no formula, or takes too long to compare even with 1.
        """
        with self._lock:
            said = self._ask(json.dumps([target, answer]))
            if not said and not self._ask(json.dumps([target, "1"])):
                raise InputError(f"the target {target[:80]!r} takes too long to compare; write it in a simpler form")
        if said == "unreadable":
            raise InputError(f"the target {target[:80]!r} is neither a number nor a formula that can be read")
        return said == "equal"

    def _ask(self, line: str) -> str:
        if self._child is None or self._child.poll() is not None:
            self._child = self._start()
        requests, replies = _pipes(self._child)
        try:
            requests.write(line + "\n")
            requests.flush()
            said = replies.readline().strip()
        except BrokenPipeError:
            said = ""
        if not said:  # it ended itself: out of time, or of memory in C
            self._child.kill()
            self._child.wait()
            self._child = None
        return said

    def _start(self) -> "subprocess.Popen[str]":
        script = Path(__file__).with_name("algebra_child.py")
        child = subprocess.Popen(
            [sys.executable, "-I", str(script), str(self._seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is the trainer's to handle
        )
        finalize(self, _end, child)
        if _pipes(child)[1].readline().strip() != "ready":
            raise InputError(f"math-verify does not start; try `{sys.executable} -c 'import math_verify'`")
        return child


@lru_cache(maxsize=1)
def shared_algebra() -> Algebra:
    """The one of this process."""
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
