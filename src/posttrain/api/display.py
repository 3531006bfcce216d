"""Results as tables: as text where Python shows them, as HTML where a notebook does."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from posttrain.console import printable_text

WIDTH = 110
"""Columns of a table as text."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with a title and lines below it.

    Args:
        title: what the table shows.
        headings: one for each column.
        rows: the cells of each row, as text.
        notes: lines below the table.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def text(self) -> str:
        """The sheet as plain text."""
        file = StringIO()
        console = Console(file=file, width=WIDTH, color_system=None, force_jupyter=False, legacy_windows=False)
        console.print(Text(self.title), soft_wrap=True)
        if self.rows:
            table = Table(box=SIMPLE, pad_edge=False, show_edge=False)
            for heading in self.headings:
                table.add_column(Text(heading), overflow="fold")
            for row in self.rows:
                table.add_row(*(Text(printable_text(cell)) for cell in row))
            console.print(table)
        for note in self.notes:
            console.print(Text(printable_text(note)), soft_wrap=True)
        return "\n".join(line.rstrip() for line in file.getvalue().rstrip().splitlines())

    def html(self) -> str:
        """The sheet as HTML; every text is escaped."""
        head = "".join(f"<th>{escape(heading)}</th>" for heading in self.headings)
        body = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in self.rows)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if self.rows else ""
        notes = "".join(f"<li>{_cell(note)}</li>" for note in self.notes)
        return f"<p><b>{escape(self.title)}</b></p>{table}{f'<ul>{notes}</ul>' if notes else ''}"


class Displayed(ABC):
    """A result that shows itself as a table: in a Python prompt, with `print`, and in a notebook."""

    __slots__ = ()

    @abstractmethod
    def sheet(self) -> Sheet:
        """The result as a table."""

    def __repr__(self) -> str:
        return self.sheet().text()

    def _repr_html_(self) -> str:
        return self.sheet().html()


def _cell(text: str) -> str:
    return escape(printable_text(text)).replace("\n", "<br>")
