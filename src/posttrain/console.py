"""The console of a running command: notes, tables and progress bars. Without a terminal, bars are lines."""

import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

Advance = Callable[[int, str], None]
"""(items done, a few words beside the bar)."""

LINE_SECONDS = 20.0
"""Without a terminal, a bar prints a line at least this often."""


CELL = 400
"""The number of characters of a text that a table shows."""


def printable_text(text: object) -> str:
    """A text of at most `CELL` characters, without control characters, which a terminal would obey."""
    clean = "".join(c for c in str(text) if c.isprintable() or c == "\n")
    return clean if len(clean) <= CELL else clean[:CELL] + " …"


def format_bytes(count: float) -> str:
    """A number of bytes with a unit, for people."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**29 else f"{count / 2**20:.0f} MiB"


def format_duration(seconds: float | None) -> str:
    """A rounded duration with one unit, for people; "?" if it is not known."""
    if seconds is None:
        return "?"
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"~{seconds / size:,.0f} {unit}".replace("~1 days", "~1 day")
    return "under a minute"


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook, whose standard error claims to be a terminal."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


class Follower(Protocol):
    """Receives what a screen shows; see `Screen.followed_by`."""

    def line(self, sentence: str) -> None:
        """A sentence or a title."""
        ...

    def bar(self, title: str, total: int | None) -> AbstractContextManager[Advance]:
        """A progress bar; the context's value is called with its progress."""
        ...


class Screen:
    """Prints notes and progress bars on standard error, since standard output is for results.

    A notebook is no terminal: there, too, a bar is a few lines of plain text.

    Args:
        quiet: whether to print nothing (for library use and ``--json``).
    """

    def __init__(self, *, quiet: bool = False) -> None:
        terminal = False if in_notebook() else None  # None: as standard error has it
        self.console = Console(stderr=True, quiet=quiet, highlight=False, force_jupyter=False, force_terminal=terminal)
        self.follower: Follower | None = None

    def followed_by(self, follower: Follower) -> "Screen":
        """A screen that shows the same; its notes, titles and bars go to the follower as well, even if it is quiet."""
        screen = copy(self)
        screen.follower = follower
        return screen

    def note(self, sentence: str) -> None:
        """Print a sentence."""
        self._print(f"  {sentence}")
        if self.follower is not None:
            self.follower.line(sentence)

    def title(self, sentence: str) -> None:
        """Print the title of what begins."""
        self._print(sentence, style="bold")
        if self.follower is not None:
            self.follower.line(sentence)

    def _print(self, text: str, style: str | None = None) -> None:
        self.console.print(text, style=style, markup=False, soft_wrap=True)

    def table(self, title: str, rows: Sequence[Sequence[str]]) -> None:
        """Print a small table; its first row is the heading. Long cells are cut."""
        if self.console.quiet:
            return
        table = Table(title=Text(printable_text(title)), title_justify="left", show_lines=True)
        for heading in rows[0]:
            table.add_column(Text(printable_text(heading)))
        for row in rows[1:]:
            table.add_row(*(Text(printable_text(cell)) for cell in row))
        self.console.print(table)

    @contextmanager
    def bar(self, title: str, total: int | None) -> Generator[Advance]:
        """While open, show a progress bar; `total` is None if the end is not known."""
        shown = self._live(title, total) if self.console.is_terminal else nullcontext(self._lines(title, total))
        followed = nullcontext(None) if self.follower is None else self.follower.bar(title, total)
        with shown as show, followed as follow:

            def advance(done: int, words: str) -> None:
                show(done, words)
                if follow is not None:
                    follow(done, words)

            yield advance

    @contextmanager
    def _live(self, title: str, total: int | None) -> Generator[Advance]:
        columns = (
            TextColumn("  {task.description:<18}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[words]}"),
        )
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(title, total=total, words="")
            yield lambda done, words: progress.update(task, completed=done, words=words)

    def _lines(self, title: str, total: int | None) -> Advance:
        """Print a line at every tenth of the total, and at least every `LINE_SECONDS`."""
        started = last = time.monotonic()
        tenths = first = 0
        begun = False

        def advance(done: int, words: str) -> None:
            nonlocal started, last, tenths, first, begun
            now, reached = time.monotonic(), 10 * done // total if total else 0
            if done > 1 and not begun:  # a resumed stage begins in the middle
                first, started = done, now
            begun = begun or done > 0
            if now - last < LINE_SECONDS and reached <= tenths:
                return
            last, tenths = now, reached
            known = total and done > first
            left = f", {(now - started) * (total - done) / (done - first):.0f} s left" if known and total else ""
            self._print(f"  {title}: {done}{f' of {total}' if total else ''}{left}  {words}")

        return advance
