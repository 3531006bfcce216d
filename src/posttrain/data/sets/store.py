"""Groups on disk: tokenised once, memory-mapped and read in any order, so that data may be larger than memory."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from posttrain.core.group import Completion, Floats, Group
from posttrain.core.packing import WEIGHT
from posttrain.files import write_json

_TYPES = {
    "tokens": np.int32,  # group after group: the prompt, then each completion
    "loss": np.bool_,  # aligned with tokens, False on prompts
    "segments": np.int32,  # lengths: prompt, completion, completion...
    "ends": np.int64,  # per group: end among segments, tokens, loss tokens, names (bytes)
}

_WEIGHTS = "weights.bin"
"""The weight of each loss token; the file is absent if no group has weights."""


class StoreWriter:
    """Writes groups to a folder one at a time and keeps none in memory; `close` makes the folder readable."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.count = 0
        self.tokens = 0
        self.loss_tokens = 0
        self._files = {name: (folder / f"{name}.bin").open("wb") for name in (*_TYPES, "names")}
        self._columns: dict[str, IO[bytes]] = {}
        self._weights: IO[bytes] | None = None
        self._ends = np.zeros(4, dtype=np.int64)

    def add(self, group: Group) -> None:
        """Append a group. All groups must have the same columns, with a value for each completion.

        Only the weights of loss tokens are optional. From the first group with weights on, the store holds them for all
        groups; without weights, a token has weight 1.
        """
        columns = {name: values for name, values in group.columns.items() if name != WEIGHT}
        for column, values in columns.items():
            if values.shape != (len(group.completions),):
                raise ValueError(f"{group.where}: column {column} needs a value for each completion")
        if self.count and set(columns) != set(self._columns):
            raise ValueError(f"{group.where}: has other columns than the groups before it")
        parts = [group.prompt, *(c.tokens for c in group.completions)]
        masks = [np.zeros(len(group.prompt), dtype=np.bool_), *(c.loss for c in group.completions)]
        name = group.where.encode()
        self._ends += [len(parts), group.size, group.loss_tokens, len(name)]
        self._files["tokens"].write(np.concatenate(parts).astype(np.int32).tobytes())
        self._files["loss"].write(np.concatenate(masks).tobytes())
        self._files["segments"].write(np.array([len(part) for part in parts], dtype=np.int32).tobytes())
        self._files["names"].write(name)
        self._files["ends"].write(self._ends.tobytes())
        self._add_weights(group)
        for column, values in columns.items():
            if column not in self._columns:
                self._columns[column] = (self.folder / f"column-{column}.bin").open("wb")
            self._columns[column].write(values.astype(np.float32).tobytes())
        self.count += 1
        self.tokens, self.loss_tokens = int(self._ends[1]), int(self._ends[2])

    def _add_weights(self, group: Group) -> None:
        """Append the weights of a group's loss tokens, if this group or one before it has weights."""
        if WEIGHT in group.columns and self._weights is None:
            self._weights = (self.folder / _WEIGHTS).open("wb")
            self._weights.write(np.ones(self.loss_tokens, dtype=np.float32).tobytes())
        if self._weights is not None:
            ones = np.ones(group.loss_tokens, dtype=np.float32)
            self._weights.write(group.columns.get(WEIGHT, ones).astype(np.float32).tobytes())

    def close(self) -> None:
        """Close the files and write ``store.json``."""
        for file in (*self._files.values(), *self._columns.values()):
            file.close()
        if self._weights is not None:
            self._weights.close()
        write_json(self.folder / "store.json", {"groups": self.count, "columns": sorted(self._columns)})


class GroupStore:
    """The groups of a folder that `StoreWriter` wrote, read-only.

    Args:
        folder: the folder.
        token_columns: further columns, with a value for each loss token of the whole store in order.
    """

    def __init__(self, folder: Path, token_columns: Mapping[str, Floats] | None = None) -> None:
        header = json.loads((folder / "store.json").read_text())
        self._count: int = header["groups"]
        self.folder = folder
        weights = {WEIGHT: _map(folder / _WEIGHTS, np.float32)} if (folder / _WEIGHTS).is_file() else {}
        self._token_columns = {**weights, **(token_columns or {})}
        self._arrays = {name: _map(folder / f"{name}.bin", kind) for name, kind in _TYPES.items()}
        self._names = _map(folder / "names.bin", np.uint8)
        self._columns = {c: _map(folder / f"column-{c}.bin", np.float32) for c in header["columns"]}
        ends = np.asarray(self._arrays["ends"]).reshape(self._count, 4)
        self._starts = np.concatenate([np.zeros((1, 4), dtype=np.int64), ends])

    def __len__(self) -> int:
        return self._count

    @property
    def columns(self) -> frozenset[str]:
        """The names of the columns of each group."""
        return frozenset(self._columns) | frozenset(self._token_columns)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """The tokens of each group in a packed row."""
        return np.diff(self._starts[:, 1])

    @property
    def loss_tokens(self) -> int:
        """The number of loss tokens of the whole store."""
        return int(self._starts[-1, 2])

    def __getitem__(self, index: int) -> Group:
        (s0, t0, l0, n0), (s1, t1, l1, n1) = self._starts[index], self._starts[index + 1]
        lengths = self._arrays["segments"][s0:s1]
        cuts = np.cumsum(lengths)[:-1]
        tokens = np.split(np.array(self._arrays["tokens"][t0:t1]), cuts)
        loss = np.split(np.array(self._arrays["loss"][t0:t1]), cuts)
        first = s0 - index  # completions before this group: all segments before it but the prompts
        columns = {c: np.array(v[first : first + len(lengths) - 1]) for c, v in self._columns.items()}
        columns |= {c: np.array(v[l0:l1]) for c, v in self._token_columns.items()}
        return Group(
            where=bytes(self._names[n0:n1]).decode(),
            prompt=tokens[0],
            completions=tuple(Completion(t, m) for t, m in zip(tokens[1:], loss[1:], strict=True)),
            columns=columns,
        )


def _map(path: Path, kind: type[np.generic]) -> NDArray[Any]:
    if path.stat().st_size == 0:
        return np.zeros(0, dtype=kind)
    return np.memmap(path, dtype=kind, mode="r")
