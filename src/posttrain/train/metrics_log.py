"""``metrics.jsonl``: one JSON object a line. A resumed run cuts it back to its checkpoint, so no step comes twice."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal

Split = Literal["train", "eval"]


class MetricsLog:
    """An append-only log of metrics.

    Args:
        path: the file.
        keep: bytes to keep of an earlier attempt; the attribute `kept` is the number that were there.
    """

    def __init__(self, path: Path, keep: int = 0) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = path.open("ab")
        self.kept = min(keep, self._file.tell())
        self._file.truncate(self.kept)
        self._file.seek(0, os.SEEK_END)

    def write(self, values: Mapping[str, float | int | None], split: Split) -> None:
        """Append a line with the values, their part of the data and the time (UTC)."""
        line = {**values, "split": split, "time": datetime.now(UTC).isoformat(timespec="seconds")}
        self._file.write(json.dumps(line, allow_nan=False).encode() + b"\n")
        self._file.flush()

    def synced_bytes(self) -> int:
        """Write everything to disk; the file's length in bytes."""
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
