"""``metrics.jsonl``, with one JSON object per line. A resumed run truncates it to its checkpoint."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Literal

from posttrain.errors import InputError
from posttrain.ranks.group import is_main

Split = Literal["train", "eval"]


class MetricsLog:
    """An append-only log of metrics. Of several ranks, the main one writes it; the others' files are temporary.

    Args:
        path: the file.
        keep: the bytes of an earlier attempt to keep; the attribute `kept` is the number of bytes that were there.
    """

    def __init__(self, path: Path, keep: int = 0) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = path.open("ab") if is_main() else TemporaryFile()  # noqa: SIM115
        self.kept = min(keep, self._file.tell())
        self._file.truncate(self.kept)
        self._file.seek(0, os.SEEK_END)

    def write(self, values: Mapping[str, float | int | None], split: Split) -> None:
        """Append a line with the values, the split and the time (UTC)."""
        line = {**values, "split": split, "time": datetime.now(UTC).isoformat(timespec="seconds")}
        self._file.write(json.dumps(line, allow_nan=False).encode() + b"\n")
        self._file.flush()

    def synced_bytes(self) -> int:
        """Write everything to disk, and return the file's length in bytes."""
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a log.

    Raises:
        InputError: the file does not exist.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such log; only training stages write one")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
