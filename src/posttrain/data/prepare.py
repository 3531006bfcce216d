"""From a stage's data options to token stores: read, split, encode, count. One pass, nothing held in memory."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from posttrain.data.chat import Codec, encode
from posttrain.data.example import Example
from posttrain.data.formats import Kind, examples
from posttrain.data.options import DataOptions, DataSource
from posttrain.data.read import read_rows
from posttrain.data.skips import Skips
from posttrain.data.split import TRAIN, VALIDATION
from posttrain.data.store import GroupStore, StoreWriter
from posttrain.errors import InputError
from posttrain.files import read_json, whole_folder, write_json

NOTE_ROWS = 256
"""Rows between two calls of `on_rows`."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A stage's data as tokens.

    Args:
        train: groups to train on.
        held_out: groups to evaluate on, by part; empty parts are not there.
        about: what was read, kept, cut and left out (``data.json``).
    """

    train: GroupStore
    held_out: dict[str, GroupStore]
    about: dict[str, Any]

    @property
    def task_of(self) -> list[int]:
        """The number of each training group's task in ``about["tasks"]``."""
        return read_json(self.train.folder / "tasks.json")


def prepare(
    options: DataOptions,
    codec: Codec,
    folder: Path,
    *,
    kind: Kind,
    part_of: Callable[[Example], str],
    base: Path,
    on_rows: Callable[[int], None] = lambda n: None,
) -> Prepared:
    """Read, split and encode into `folder`; if it is there already, it is only opened.

    Args:
        part_of: the part a row of `data` belongs to (see `split.part_of`); rows of `validation` are known.
        base: folder that relative paths start from.
        on_rows: called now and then with the number of rows read.

    Raises:
        InputError: malformed data, or nothing left to train on.
    """
    if not (folder / "data.json").is_file():
        with whole_folder(folder) as target:
            _write(_sorted(options, kind, part_of, base, skips := Skips(), on_rows), codec, target, skips)
    about = read_json(folder / "data.json")
    stores = {part: GroupStore(folder / part) for part in about["parts"]}
    return Prepared(stores.pop(TRAIN), stores, about)


def _sorted(
    options: DataOptions,
    kind: Kind,
    part_of: Callable[[Example], str],
    base: Path,
    skips: Skips,
    on_rows: Callable[[int], None],
) -> Iterator[tuple[str, DataSource, Example]]:
    """Every example with its part and source."""
    held_out = options.validation if isinstance(options.validation, tuple) else ()
    count = 0
    for source, fixed in [*((s, None) for s in options.data), *((s, VALIDATION) for s in held_out)]:
        rows = islice(read_rows(source.path, base=base), source.rows)
        for example in examples(rows, kind, source.columns, task=source.task, skipped=skips):
            count += 1
            if count % NOTE_ROWS == 0:
                on_rows(count)
            yield fixed or part_of(example), source, example


def _write(rows: Iterator[tuple[str, DataSource, Example]], codec: Codec, folder: Path, skips: Skips) -> None:
    writers: dict[str, StoreWriter] = {}
    weights: dict[str, float] = {}
    number: dict[str, int] = {}
    task_of: list[int] = []
    for part, source, example in rows:
        group = encode(example, codec)
        if isinstance(group, str):
            skips.add(group, example.where)
            continue
        if part not in writers:
            writers[part] = StoreWriter(folder / part)
        writers[part].add(group)
        if part == TRAIN:
            task = example.task or Path(source.path).name
            weights.setdefault(task, source.weight)
            task_of.append(number.setdefault(task, len(number)))
    if TRAIN not in writers:
        raise InputError(f"data: no row is left to train on. {'; '.join(skips.lines()) or 'All are held out'}")
    for writer in writers.values():
        writer.close()
    counts = Counter(task_of)
    sizes = {p: {"groups": w.count, "tokens": w.tokens, "loss_tokens": w.loss_tokens} for p, w in writers.items()}
    write_json(folder / TRAIN / "tasks.json", task_of)
    about = {
        "parts": sizes,
        "tasks": [{"name": name, "groups": counts[i], "weight": w} for i, (name, w) in enumerate(weights.items())],
        "skipped": {reason: {"rows": n, "first": skips.first[reason]} for reason, n in skips.counts.items()},
        "noted": {what: count for what, count in codec.seen.items() if count},
        "max_length": codec.max_length,
    }
    write_json(folder / "data.json", about)
