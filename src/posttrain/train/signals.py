"""Stop cleanly: a first SIGTERM or SIGINT asks, a second one insists."""

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def graceful_stop() -> Generator[Callable[[], bool]]:
    """While open, a first SIGTERM or SIGINT only sets a flag; the next one acts as it always did.

    Yields:
        a function that says whether a stop was asked for.
    """
    asked = False
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        signal.signal(number, before[signal.Signals(number)] or signal.SIG_DFL)

    for number in before:
        signal.signal(number, ask)
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
