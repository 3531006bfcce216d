"""Reading from and writing to processes that may do anything: bounded in bytes and in time."""

import os
import selectors
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from socket import AF_UNIX, SOCK_STREAM, socketpair
from types import TracebackType

BLOCK = 1 << 16


class Files:
    """Open files that are closed once, whatever happens: a number closed twice may be another thread's by then."""

    def __init__(self) -> None:
        self._open: set[int] = set()

    def __enter__(self) -> "Files":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for fd in tuple(self._open):
            self.close(fd)

    def pipe(self) -> tuple[int, int]:
        """(end to read, end to write)."""
        ends = os.pipe()
        self._open |= {*ends}
        return ends

    def pair(self) -> tuple[int, int]:
        """Two ends of a stream."""
        one, other = socketpair(AF_UNIX, SOCK_STREAM)
        ends = one.detach(), other.detach()
        self._open |= {*ends}
        return ends

    def close(self, fd: int) -> None:
        """Close it unless that was done."""
        if fd in self._open:
            self._open.remove(fd)
            os.close(fd)


@dataclass(slots=True)
class Heard:
    """What came out of a process.

    Args:
        texts: by pipe, the bytes read.
        over: more than the cap came.
        late: the time was up.
    """

    texts: dict[int, bytearray]
    over: bool = False
    late: bool = False
    closed: set[int] = field(default_factory=set)


def exchange(
    files: Files,
    writes: Mapping[int, bytes],
    counted: Sequence[int],
    until: Sequence[int],
    cap: int,
    deadline: float,
) -> Heard:
    """Write to pipes and read from others, all at once, until each of `until` is closed at its other end.

    Args:
        files: where all of these belong.
        writes: our ends and what to write; each is closed once written.
        counted: ends whose bytes together may not be more than `cap`.
        until: ends to read until closed; the others are read meanwhile.
        deadline: of `time.monotonic`.
    """
    heard = Heard({fd: bytearray() for fd in {*counted, *until}})
    pending = {fd: memoryview(data) for fd, data in writes.items()}
    with selectors.DefaultSelector() as selector:
        for fd in heard.texts:
            selector.register(fd, selectors.EVENT_READ)
        for fd in pending:
            os.set_blocking(fd, False)
            selector.register(fd, selectors.EVENT_WRITE)
        while not heard.closed.issuperset(until):
            left = deadline - time.monotonic()
            if left <= 0:
                heard.late = True
                break
            for key, _ in selector.select(left):
                fd = key.fd
                if fd in pending:
                    pending[fd] = _written(fd, pending[fd])
                    if not pending[fd]:
                        selector.unregister(fd)
                        files.close(fd)
                        del pending[fd]
                    continue
                block = os.read(fd, BLOCK)
                heard.texts[fd] += block
                if not block:
                    selector.unregister(fd)
                    heard.closed.add(fd)
            if sum(len(heard.texts[fd]) for fd in counted) > cap:
                heard.over = True
                break
    return heard


def _written(fd: int, data: memoryview) -> memoryview:
    """What is left to write; nothing where nobody reads any more."""
    try:
        return data[os.write(fd, data[:BLOCK]) :]
    except BlockingIOError:
        return data
    except BrokenPipeError:
        return data[:0]


def readable(text: bytes | bytearray | str, characters: int) -> str:
    """A text fit for a log: bounded, and free of what a terminal would obey."""
    if not isinstance(text, str):
        text = bytes(text[: 4 * characters]).decode(errors="replace")
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text[:characters])
