"""Reads W&B's offline files (the log format of LevelDB) with W&B's own messages; its Python reader is not public."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

BLOCK, FILE_HEADER, HEADER = 32768, 7, 7


def history_of(folder: Path) -> list[dict[str, Any]]:
    """The rows of history in all offline files below a folder, in the order of the files."""
    rows: list[dict[str, Any]] = []
    for path in sorted(folder.rglob("*.wandb")):
        for data in _records(path.read_bytes()):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            if record.WhichOneof("record_type") == "history":
                items = record.history.item
                rows.append({"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in items})
    return rows


def _records(data: bytes) -> Iterator[bytes]:
    """The payloads; a long one is split over blocks (types: 1 whole, 2 first, 3 middle, 4 last)."""
    assert data[:4] == b":W&B"
    place, parts = FILE_HEADER, b""
    while place + HEADER <= len(data):
        left = BLOCK - place % BLOCK
        if left < HEADER:
            place += left
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        if kind == 0:
            return
        parts += data[place + HEADER : place + HEADER + length]
        place += HEADER + length
        if kind in (1, 4):
            yield parts
            parts = b""
