"""What a person sees while something runs: notes, and bars with the time left. Line by line without a terminal."""

import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Advance = Callable[[int, str], None]
"""(how much is done, a few words beside the bar)."""

LINE_SECONDS = 20.0
"""Without a terminal a bar is a line at least this often."""


CELL = 400
"""Characters of a text that a table shows."""


def shown(text: object) -> str:
    """Text that may be a model's, cut, with nothing in it that a terminal would obey."""
    clean = "".join(c for c in str(text) if c.isprintable() or c == "\n")
    return clean if len(clean) <= CELL else clean[:CELL] + " …"


def bytes_told(count: float) -> str:
    """Bytes for people."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**29 else f"{count / 2**20:.0f} MiB"


def time_told(seconds: float | None) -> str:
    """A duration for people: one figure that counts, no more."""
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


class Screen:
    """Notes and bars, on standard error, so that standard output stays for results.

    A notebook is no terminal: there, too, a bar is a few lines of plain text.

    Args:
        quiet: show nothing (library use, ``--json``).
    """

    def __init__(self, *, quiet: bool = False) -> None:
        terminal = False if in_notebook() else None  # None: as standard error has it
        self.console = Console(stderr=True, quiet=quiet, highlight=False, force_jupyter=False, force_terminal=terminal)

    def note(self, sentence: str) -> None:
        """Say something once."""
        self.console.print(f"  {sentence}", markup=False, soft_wrap=True)

    def title(self, sentence: str) -> None:
        """Say what begins now."""
        self.console.print(sentence, style="bold", markup=False, soft_wrap=True)

    def table(self, title: str, rows: Sequence[Sequence[str]]) -> None:
        """A small table; its first row is the heading. Cells are shown as they are, cut to a few lines."""
        from rich.table import Table
        from rich.text import Text

        if self.console.quiet:
            return
        table = Table(title=Text(shown(title)), title_justify="left", show_lines=True)
        for heading in rows[0]:
            table.add_column(Text(shown(heading)))
        for row in rows[1:]:
            table.add_row(*(Text(shown(cell)) for cell in row))
        self.console.print(table)

    @contextmanager
    def bar(self, title: str, total: int | None) -> Generator[Advance]:
        """A bar while open; `total` None where the end is not known."""
        if self.console.is_terminal:
            with self._live(title, total) as advance:
                yield advance
        else:
            yield self._lines(title, total)

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
        """A line at every tenth of the whole, and at the latest after some seconds."""
        started = last = time.monotonic()
        tenths = 0

        def advance(done: int, words: str) -> None:
            nonlocal last, tenths
            now, reached = time.monotonic(), 10 * done // total if total else 0
            if now - last < LINE_SECONDS and reached <= tenths:
                return
            last, tenths = now, reached
            left = f", {(now - started) * (total - done) / done:.0f} s left" if total and done else ""
            self.note(f"{title}: {done}{f' of {total}' if total else ''}{left}  {words}")

        return advance
