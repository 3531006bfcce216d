"""What a run at work shows, kept in its folder for those who follow it: ``console.txt`` and ``progress.json``."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from posttrain.console import Advance, Screen
from posttrain.files import PARTIAL

CONSOLE = "console.txt"
"""The lines that the terminal shows, each with its time."""

PROGRESS = "progress.json"
"""The progress bar that is shown now."""

BEGINS = "the run begins"
"""The line of the console's file at the beginning of each attempt."""

EVERY = 1.0
"""Seconds between two writes of the progress."""


@dataclass(frozen=True, slots=True)
class ShownProgress:
    """A progress bar.

    Args:
        total: None if the end is not known.
        words: beside the bar, such as the loss.
        first, started: what was done when the bar first moved, and when that was: a resumed stage begins in the middle.
        at: when it last moved. Times are in seconds since 1970.
    """

    title: str
    done: int
    total: int | None
    words: str
    first: int
    started: float
    at: float

    @property
    def remaining(self) -> float | None:
        """Seconds until the bar is full, at its pace so far; None if that is not known."""
        if not self.total or self.done <= self.first:
            return None
        return (self.at - self.started) / (self.done - self.first) * (self.total - self.done)


@contextmanager
def followed(screen: Screen, folder: Path) -> Generator[Screen]:
    """A screen whose lines and bars are kept in a run's folder, and the reason of an early end as well."""
    files = LiveFiles(folder)
    with suppress(OSError):
        (folder / PROGRESS).unlink(missing_ok=True)  # of an attempt that was killed
    files.line(BEGINS)
    try:
        yield screen.followed_by(files)
    except Exception as error:
        files.line(f"the run has ended: {error}")
        raise


class LiveFiles:
    """Follows a screen, and writes both files.

    A full disk stops the run where it writes results, so an error here is passed over.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder, self._clock = folder, clock

    def line(self, sentence: str) -> None:
        """Append a line to the console's file."""
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self._clock()))
        with suppress(OSError), (self._folder / CONSOLE).open("a", encoding="utf-8", errors="replace") as file:
            file.write(f"{at}  {' '.join(sentence.split())}\n")

    @contextmanager
    def bar(self, title: str, total: int | None) -> Generator[Advance]:
        """While open, keep the file with the progress up to date."""
        first, started, written = 0, self._clock(), 0.0

        def advance(done: int, words: str) -> None:
            nonlocal first, started, written
            now = self._clock()
            if done and not first:
                first, started = done, now
            if now - written >= EVERY:
                written = now
                self._write(ShownProgress(title, done, total, words, first, started, now))

        advance(0, "")
        try:
            yield advance
        finally:
            with suppress(OSError):
                (self._folder / PROGRESS).unlink(missing_ok=True)

    def _write(self, progress: ShownProgress) -> None:
        path = self._folder / PROGRESS
        partial = path.with_name(path.name + PARTIAL)
        with suppress(OSError):
            partial.write_text(json.dumps(asdict(progress)), encoding="utf-8")
            partial.replace(path)


def at_work(folder: Path) -> bool:
    """Whether a process works in a run's folder."""
    try:
        handle = os.open(folder / ".lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # `take_lock` tries again, so this stops no run
    except BlockingIOError:
        return True
    except OSError:  # a shared disk without locks
        return False
    finally:
        os.close(handle)
    return False


def shown_progress(folder: Path) -> ShownProgress | None:
    """The progress bar of a run at work; None if it shows none."""
    try:
        return ShownProgress(**json.loads((folder / PROGRESS).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def lines_of_this_attempt(lines: Sequence[str]) -> Sequence[str]:
    """The lines since the run began the last time."""
    begins = [number for number, line in enumerate(lines) if line.endswith(f"  {BEGINS}")]
    return lines[begins[-1] + 1 :] if begins else lines


def console_lines(folder: Path, most: int) -> list[str]:
    """The last lines of a run's console."""
    try:
        with (folder / CONSOLE).open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 400 * most))
            return file.read().decode("utf-8", "replace").splitlines()[-most:]
    except OSError:
        return []
