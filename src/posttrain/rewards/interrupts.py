"""Distinguish the user's Ctrl-C from a KeyboardInterrupt that a reward function raises by itself.

Both are the same exception. Only the user's comes with a signal, so a signal handler records it.
"""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType

_received = False
"""Whether a SIGINT arrived while `record_interrupts` was open."""


@contextmanager
def record_interrupts() -> Generator[None]:
    """Record for `is_user_interrupt` whether a SIGINT arrives. The earlier handler still acts.

    Outside the main thread it only clears the record, since Python runs handlers and raises KeyboardInterrupt only in
    the main thread. Where SIGINT is ignored (a job in the background) it does the same.
    """
    global _received
    _received = False
    before = signal.getsignal(signal.SIGINT)
    if current_thread() is not main_thread() or not callable(before):
        yield
        return

    def notice(number: int, frame: FrameType | None) -> None:
        global _received
        _received = True
        before(number, frame)

    signal.signal(signal.SIGINT, notice)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is notice:  # else the earlier handler has installed another one
            signal.signal(signal.SIGINT, before)


def is_user_interrupt(error: BaseException) -> bool:
    """Whether the error is the user's Ctrl-C."""
    return isinstance(error, KeyboardInterrupt) and _received
