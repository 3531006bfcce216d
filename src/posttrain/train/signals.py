"""Stop cleanly: a first SIGTERM or SIGINT asks, a second one insists."""

import os
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from types import FrameType

from posttrain.errors import Stopped


@contextmanager
def graceful_stop() -> Generator[Callable[[], bool]]:
    """While open, a first SIGTERM or SIGINT only sets a flag; the next one acts as it always did.

    Yields:
        a function that says whether a stop was asked for.

    Raises:
        Stopped: as the work inside raises it; it then names the signal that came.
    """
    received: int | None = None
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal received
        received = number
        with suppress(OSError):  # standard error is closed
            os.write(2, b"\nstopping at the next point where all is saved; once more to stop at once\n")
        signal.signal(number, before[signal.Signals(number)] or signal.SIG_DFL)

    for number in before:
        signal.signal(number, ask)
    try:
        yield lambda: received is not None
    except Stopped as stopped:
        if received is not None:
            stopped.signal = received
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
