"""Tell the user's Ctrl-C from a KeyboardInterrupt that a reward function raises by itself.

Both are the same exception. Only the user's comes with a signal, so the signal is noticed on its way.
"""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType

_came = False
"""Whether a SIGINT came while `noticed` was open."""


@contextmanager
def noticed() -> Generator[None]:
    """While open, `from_user` knows whether a SIGINT came. The handler in place before still acts.

    It only forgets an earlier one outside the main thread, since Python runs handlers, and raises KeyboardInterrupt,
    only there, and where SIGINT is ignored (a job in the background).
    """
    global _came
    _came = False
    before = signal.getsignal(signal.SIGINT)
    if current_thread() is not main_thread() or not callable(before):
        yield
        return

    def notice(number: int, frame: FrameType | None) -> None:
        global _came
        _came = True
        before(number, frame)

    signal.signal(signal.SIGINT, notice)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is notice:  # else the handler before has put another one in its place
            signal.signal(signal.SIGINT, before)


def from_user(error: BaseException) -> bool:
    """Whether it is the user's Ctrl-C."""
    return isinstance(error, KeyboardInterrupt) and _came
