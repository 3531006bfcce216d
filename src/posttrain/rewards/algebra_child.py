"""The process that does algebra on formulas a model wrote: started by `algebra.py`, killed by its own alarm.

Run by its path with ``python -I``. One request a line, ``[target, answer]``; one reply a line: ``equal``,
``different``, or ``unreadable`` if the target is no formula. Formulas are read by a LaTeX grammar; nothing of them is
ever evaluated as Python.
"""

import json
import logging
import resource
import signal
import sys
from typing import Any

MEMORY = 2 << 30
"""Bytes of address space; 10^(10^10) would otherwise take the machine's."""


def main(seconds: float) -> None:
    """Answer until the pipe closes. A request that takes longer ends the process: a signal's default action also ends
    what no exception would (one long multiplication in C). Processor time is counted, so that the same formula is
    given up on a busy machine and on an idle one; ten times that on the clock, for whatever waits."""
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
    compare("x^2", "x \\cdot x")  # loads the grammar, which is no request's fault
    print("ready", flush=True)
    for line in sys.stdin:
        _alarm(seconds)
        try:
            said = compare(*json.loads(line))
        except (Exception, RecursionError, MemoryError):
            said = "different"
        _alarm(0.0)
        print(said, flush=True)


def _alarm(seconds: float) -> None:
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, 10 * seconds)


if __name__ == "__main__":
    main(float(sys.argv[1]))
