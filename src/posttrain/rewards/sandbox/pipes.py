"""Exchange data with processes that may do anything, within limits of bytes and time."""

import os
import selectors
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from socket import AF_UNIX, SOCK_STREAM, socketpair
from types import TracebackType

BLOCK = 1 << 16


class Files:
    """Open files, each closed exactly once: closing a number twice could close a file of another thread."""

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
        sockets = socketpair(AF_UNIX, SOCK_STREAM)
        ends = sockets[0].detach(), sockets[1].detach()
        self._open |= {*ends}
        return ends

    def close(self, fd: int) -> None:
        """Close a file unless it is closed."""
        if fd in self._open:
            self._open.remove(fd)
            os.close(fd)


@dataclass(slots=True)
class ProcessOutput:
    """The output of a process.

    Args:
        texts: pipe → the bytes read from it.
        over_cap: there were more bytes than allowed.
        timed_out: the deadline passed.
        closed: pipes that the process has closed.
    """

    texts: dict[int, bytearray]
    over_cap: bool = False
    timed_out: bool = False
    closed: set[int] = field(default_factory=set)


def exchange(
    files: Files,
    writes: Mapping[int, bytes],
    counted: Sequence[int],
    until: Sequence[int],
    cap: int,
    deadline: float,
) -> ProcessOutput:
    """Write to pipes and read from others, all at once, until each of `until` is closed at its other end.

    Args:
        files: the files to which all ends belong.
        writes: our ends, and the bytes to write; an end is closed when its bytes are written.
        counted: ends to read whose bytes together may be at most `cap`.
        until: ends to read until they are closed; the others are read in the meantime.
        deadline: by `time.monotonic`.
    """
    output = ProcessOutput({fd: bytearray() for fd in {*counted, *until}})
    pending = {fd: memoryview(data) for fd, data in writes.items()}
    with selectors.DefaultSelector() as selector:
        for fd in output.texts:
            selector.register(fd, selectors.EVENT_READ)
        for fd in pending:
            os.set_blocking(fd, False)
            selector.register(fd, selectors.EVENT_WRITE)
        while not output.closed.issuperset(until):
            left = deadline - time.monotonic()
            if left <= 0:
                output.timed_out = True
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
                output.texts[fd] += block
                if not block:
                    selector.unregister(fd)
                    output.closed.add(fd)
            if sum(len(output.texts[fd]) for fd in counted) > cap:
                output.over_cap = True
                break
    return output


def _written(fd: int, data: memoryview) -> memoryview:
    """The rest to write; empty where the other end is closed."""
    try:
        return data[os.write(fd, data[:BLOCK]) :]
    except BlockingIOError:
        return data
    except BrokenPipeError:
        return data[:0]


def readable(text: bytes | bytearray | str, characters: int) -> str:
    """The text for a log: at most so many characters, and none that controls a terminal."""
    if not isinstance(text, str):
        text = bytes(text[: 4 * characters]).decode(errors="replace")
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text[:characters])
