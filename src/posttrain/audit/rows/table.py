"""All rows of an audit as one table of numbers, and the way back to the text of a few of them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.findings import EXAMPLES, Shown
from posttrain.audit.rows.convention import Reading
from posttrain.audit.rows.entry import Entry
from posttrain.audit.rows.scan import ROW, Hits, entries
from posttrain.audit.rows.source import AuditSource, items, parsed
from posttrain.data.files.read import Row

Indices = NDArray[np.intp]


class Places:
    """``file:line`` of every row, in eight bytes a row."""

    def __init__(self) -> None:
        self._files: dict[str, int] = {}
        self._file: list[NDArray[np.uint32]] = []
        self._number: list[NDArray[np.uint32]] = []
        self._names: list[str] = []
        self._all: tuple[NDArray[np.uint32], NDArray[np.uint32]] | None = None

    def add(self, wheres: Sequence[str]) -> None:
        """Append a chunk's."""
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
        rows: `ROW` of each example, those of evaluation files last.
        prompt_bands: keys of the prompts' bands of each example, where evaluation files are compared.
        trained: how many of them are of the files to train on.
        places: of the rows, by `ROW`'s place.
        hits: the rows that break each rule of a row check.
        sources, readings, starts: each source, how it is read, and the index of its first row.
        tasks: crc → name.
        verdicts: how often each annotator chose a tie (0), the first (1), the second (2).
        unread: column that nothing reads → how many rows fill it, and the first place.
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
        """The rows to train on."""
        return self.rows[: self.trained]

    @property
    def source_rows(self) -> list[int]:
        """How many rows each source has."""
        ends = [*self.starts[1:], len(self.places)]
        return [end - start for start, end in zip(self.starts, ends, strict=True)]

    def where(self, index: int) -> str:
        """``file:line`` of an example."""
        return self.places[int(self.rows["place"][index])]

    def shown(self, indices: Sequence[int], text: Callable[[Entry], str]) -> list[Shown]:
        """Hits at some examples; the first few with a text."""
        first = dict(fetch(self, indices[:EXAMPLES]))
        return [Shown(self.where(i), text(first[i]) if i in first else "") for i in indices]


def fetch(table: Table, indices: Iterable[int]) -> Iterator[tuple[int, Entry]]:
    """The entries at some indices of the table, read again from their files; other lines are not parsed."""
    places: dict[int, dict[int, int]] = {}
    for index in indices:
        row = table.rows[index]
        places.setdefault(int(row["place"]), {})[int(row["part"])] = int(index)
    ends = [*table.starts[1:], len(table.places)]
    for source, reading, start, end in zip(table.sources, table.readings, table.starts, ends, strict=True):
        wanted = [place for place in places if start <= place < end]
        if not wanted:
            continue
        last = max(wanted)
        for place, item in enumerate(items(source), start):
            if place in places:
                row = parsed(item)
                if isinstance(row, Row):
                    for part, entry in enumerate(entries(row, reading)):
                        if part in places[place]:
                            yield places[place][part], entry
            if place >= last:
                break


def batches(table: Table, some: NDArray[np.int64], chars: int) -> list[NDArray[np.int64]]:
    """Indices [N] or tuples of indices [N, K] in parts whose texts have about so many characters together."""
    if not len(some):
        return []
    columns = (table.rows[name].astype(np.int64) for name in ("prompt_chars", "answer_chars", "worst_chars"))
    lengths = np.sum([*columns], axis=0)[some].reshape(len(some), -1).sum(axis=1)
    part = np.cumsum(lengths) // chars
    return np.split(some, np.flatnonzero(np.diff(part)) + 1)


def groups_of_equal_keys(keys: NDArray[np.uint64]) -> Iterable[Indices]:
    """Indices of the rows that share a key, in order, for each key that several share."""
    order = np.argsort(keys, kind="stable")
    edges = np.flatnonzero(np.diff(keys[order])) + 1
    return (group for group in np.split(order, edges) if len(group) > 1)
