"""The rows of each task, and the limits from which on a property of its answers is usual."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.rows.table import Table

FEWEST = 30
"""In a task with fewer answers, no property counts as usual."""

USUAL = 0.9
"""A form or a language is usual if at least this share of the answers has it."""


def tasks_of(table: Table, indices: NDArray[np.intp]) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """(task, its rows) of every task with at least `FEWEST` rows; rows that state no task count as one task."""
    stated = table.rows["task"][indices]
    for task in np.unique(stated):
        members = indices[stated == task]
        if len(members) >= FEWEST:
            yield table.tasks.get(int(task), "all rows"), members
