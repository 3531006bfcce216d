"""The program of the child process that compares formulas. `algebra.py` starts it; its own alarm kills it.

It runs by its path with ``python -I``. A request is a line, ``[target, answer]``. A reply is a line: ``equal``,
``different``, or ``unreadable`` if the target is no formula. A LaTeX grammar reads the formulas; they are never
evaluated as Python.
"""

import json
import logging
import resource
import signal
import sys
from typing import Any

MEMORY = 2 << 30
"""Bytes of address space. Without a limit, 10^(10^10) would take all of the machine's memory."""


def serve_comparisons(seconds: float) -> None:
    """Reply to requests until the pipe closes.

    A request that takes longer than `seconds` ends the process: a signal's default action also stops code that no
    exception can stop (one long multiplication in C). The limit is on processor time, so that a busy machine gives up
    on the same formulas as an idle one. Ten times the limit is allowed on the clock, for a process that only waits.
    """
    from math_verify import LatexExtractionConfig, parse, verify

    logging.disable(logging.CRITICAL)
    sys.set_int_max_str_digits(100_000)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    config = (LatexExtractionConfig(),)

    def read(formula: str) -> list[Any]:
        return parse(f"${formula}$", config, fallback_mode="no_fallback", parsing_timeout=0)

    def compare(target: str, answer: str) -> str:
        try:
            wanted = read(target)
        except (Exception, RecursionError):
            wanted = []
        if not wanted:
            return "unreadable"
        given = read(answer)
        return "equal" if given and verify(wanted, given, timeout_seconds=None) else "different"

    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    compare("x^2", "x \\cdot x")  # loads the grammar, outside the time of any request
    print("ready", flush=True)
    for line in sys.stdin:
        _alarm(seconds)
        try:
            reply = compare(*json.loads(line))
        except (Exception, RecursionError, MemoryError):
            reply = "different"
        _alarm(0.0)
        print(reply, flush=True)


def _alarm(seconds: float) -> None:
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, 10 * seconds)


if __name__ == "__main__":
    serve_comparisons(float(sys.argv[1]))
