"""Graceful stop: a first SIGTERM or SIGINT requests a stop, a second one acts at once."""

import os
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from types import FrameType

from posttrain.errors import Stopped


@contextmanager
def graceful_stop() -> Generator[Callable[[], bool]]:
    """Make the first SIGTERM or SIGINT only set a flag; the next one has its usual effect.

    Yields:
        a function that returns whether the user requested a stop.

    Raises:
        Stopped: the body raised it; the attribute `signal` is then the received signal.
    """
    received: int | None = None
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal received
        received = number
        with suppress(OSError):  # standard error is closed
            os.write(2, b"\nstopping once everything is saved; send the signal again to stop at once\n")
        signal.signal(number, before[signal.Signals(number)] or signal.SIG_DFL)

    for number in before:
        signal.signal(number, on_signal)
    try:
        yield lambda: received is not None
    except Stopped as stopped:
        if received is not None:
            stopped.signal = received
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
