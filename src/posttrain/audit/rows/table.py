"""All rows of an audit as one table of numbers, and the function that reads the text of a few rows again."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.findings import EXAMPLES, Shown
from posttrain.audit.rows.convention import Reading
from posttrain.audit.rows.entry import Entry
from posttrain.audit.rows.row_numbers import ROW
from posttrain.audit.rows.scan import Hits, entries
from posttrain.audit.rows.source import AuditSource, items, parsed
from posttrain.data.files.read import Row

Indices = NDArray[np.intp]


class Places:
    """``file:line`` of every row, stored in eight bytes per row."""

    def __init__(self) -> None:
        self._files: dict[str, int] = {}
        self._file: list[NDArray[np.uint32]] = []
        self._number: list[NDArray[np.uint32]] = []
        self._names: list[str] = []
        self._all: tuple[NDArray[np.uint32], NDArray[np.uint32]] | None = None

    def add(self, wheres: Sequence[str]) -> None:
        """Append the places of a chunk."""
        files, numbers = np.empty(len(wheres), np.uint32), np.empty(len(wheres), np.uint32)
        for i, where in enumerate(wheres):
            head, _, tail = where.rpartition(":")
            if tail.startswith("row "):
                head, tail = f"{head}:row ", tail[4:]
            else:
                head += ":"
            if head not in self._files:
                self._files[head] = len(self._names)
                self._names.append(head)
            files[i], numbers[i] = self._files[head], int(tail)
        self._file.append(files)
        self._number.append(numbers)

    def __len__(self) -> int:
        return sum(map(len, self._file))

    def __getitem__(self, place: int) -> str:
        if self._all is None:
            self._all = np.concatenate(self._file), np.concatenate(self._number)
        return f"{self._names[self._all[0][place]]}{self._all[1][place]}"


@dataclass(slots=True)
class Table:
    """The numbers of all rows of an audit.

    Args:
        rows: `ROW` of each example; the examples of evaluation files come last.
        prompt_bands: keys of the MinHash bands of each example's prompt; empty without evaluation files.
        trained: the number of training examples.
        places: the places of the rows; `ROW`'s field ``place`` is the index.
        hits: name of a row check's rule → the rule and the rows that break it.
        sources, readings, starts: each source, its reading, and the index of its first row.
        tasks: crc → name of the task.
        verdicts: how often each annotator chose a tie (0), the first (1), the second (2).
        unread: column that nothing reads → (number of rows that fill it, place of the first one).
    """

    rows: NDArray[np.void] = field(default_factory=lambda: np.empty(0, dtype=ROW))
    prompt_bands: NDArray[np.uint32] = field(default_factory=lambda: np.empty((0, 0), dtype=np.uint32))
    trained: int = 0
    places: Places = field(default_factory=Places)
    hits: Hits = field(default_factory=dict)
    sources: list[AuditSource] = field(default_factory=list[AuditSource])
    readings: list[Reading] = field(default_factory=list[Reading])
    starts: list[int] = field(default_factory=list[int])
    tasks: dict[int, str] = field(default_factory=dict[int, str])
    verdicts: Counter[tuple[str, int]] = field(default_factory=Counter[tuple[str, int]])
    unread: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])

    @property
    def train(self) -> NDArray[np.void]:
        """The training examples."""
        return self.rows[: self.trained]

    @property
    def source_rows(self) -> list[int]:
        """The number of rows of each source."""
        ends = [*self.starts[1:], len(self.places)]
        return [end - start for start, end in zip(self.starts, ends, strict=True)]

    def where(self, index: int) -> str:
        """The place of an example as ``file:line``."""
        return self.places[int(self.rows["place"][index])]

    def shown(self, indices: Sequence[int], text: Callable[[Entry], str]) -> list[Shown]:
        """A hit for each of the examples; the first few have a text."""
        first = dict(fetch(self, indices[:EXAMPLES]))
        return [Shown(self.where(i), text(first[i]) if i in first else "") for i in indices]


def fetch(table: Table, indices: Iterable[int]) -> Iterator[tuple[int, Entry]]:
    """Read the entries at the indices of the table again from their files; other lines are not parsed."""
    places: dict[int, dict[int, int]] = {}
    for index in indices:
        row = table.rows[index]
        places.setdefault(int(row["place"]), {})[int(row["part"])] = int(index)
    ends = [*table.starts[1:], len(table.places)]
    for source, reading, start, end in zip(table.sources, table.readings, table.starts, ends, strict=True):
        in_source = [place for place in places if start <= place < end]
        if not in_source:
            continue
        last = max(in_source)
        for place, item in enumerate(items(source), start):
            if place in places:
                row = parsed(item)
                if isinstance(row, Row):
                    for part, entry in enumerate(entries(row, reading)):
                        if part in places[place]:
                            yield places[place][part], entry
            if place >= last:
                break


def batches(table: Table, indices: NDArray[np.int64], chars: int) -> list[NDArray[np.int64]]:
    """Divide indices [N] or tuples of indices [N, K] into parts whose texts have about `chars` characters together."""
    if not len(indices):
        return []
    columns = (table.rows[name].astype(np.int64) for name in ("prompt_chars", "answer_chars", "worst_chars"))
    lengths = np.sum([*columns], axis=0)[indices].reshape(len(indices), -1).sum(axis=1)
    part = np.cumsum(lengths) // chars
    return np.split(indices, np.flatnonzero(np.diff(part)) + 1)


def groups_of_equal_keys(keys: NDArray[np.uint64]) -> Iterable[Indices]:
    """For each key that several rows share, the indices of these rows in order."""
    order = np.argsort(keys, kind="stable")
    edges = np.flatnonzero(np.diff(keys[order])) + 1
    return (group for group in np.split(order, edges) if len(group) > 1)
