"""The rows of each task, and what counts as usual among them."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.rows.table import Table

FEWEST = 30
"""Answers of a task below which nothing is called usual."""

USUAL = 0.9
"""Share of the answers that makes a form or a language the usual one."""


def tasks_of(table: Table, indices: NDArray[np.intp]) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """(task, its rows) of every task with at least `FEWEST` rows; rows that state no task count as one task."""
    stated = table.rows["task"][indices]
    for task in np.unique(stated):
        members = indices[stated == task]
        if len(members) >= FEWEST:
            yield table.tasks.get(int(task), "all rows"), members
