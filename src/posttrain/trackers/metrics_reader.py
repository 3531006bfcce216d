"""Reads ``metrics.jsonl`` while a stage appends to it."""

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from posttrain.trackers.tracker import StepMetrics

BESIDE = frozenset({"step", "split", "time"})
"""Keys of a line that are no metrics."""


class MetricsReader:
    """Reads each step once, when all its lines are there: the line of a later step follows, or the stage has ended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def new_steps(self, *, ended: bool) -> list[StepMetrics]:
        """The steps since the last call.

        Args:
            ended: whether no further line will come.
        """
        if not self._path.is_file():
            return []
        with self._path.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        lines = text[: text.rfind(b"\n") + 1].splitlines(keepends=True)
        groups = [list(lines) for _, lines in groupby(lines, key=lambda line: json.loads(line)["step"])]
        whole = groups if ended else groups[:-1]
        self._read += sum(len(line) for group in whole for line in group)
        return [_step([json.loads(line) for line in group]) for group in whole]


def _step(lines: list[dict[str, Any]]) -> StepMetrics:
    values = dict(pair for line in lines for pair in _numbers(line))
    return StepMetrics(int(lines[0]["step"]), datetime.fromisoformat(lines[0]["time"]).timestamp(), values)


def _numbers(line: dict[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in line.items():
        if key not in BESIDE and isinstance(value, int | float):
            yield key, float(value)
