"""Items and rankings from files: posttrain's ranking rows, and exports of other tools.

To add a format, write a function from a `Row` to an `ImportedItem` and add a line to `READERS`.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from posttrain.annotate.exchange.external_argilla import read_argilla
from posttrain.annotate.exchange.external_formats import read_mt_bench, read_pandalm
from posttrain.annotate.exchange.external_label_studio import read_label_studio
from posttrain.annotate.exchange.row_parsing import (
    ImportedItem,
    Vote,
    candidates_in,
    checked_ranks,
    item_name,
    list_in,
    name_in,
    prompt_in,
    whole_in,
)
from posttrain.annotate.work.projects import Item
from posttrain.data.files.read import Row, read_rows
from posttrain.errors import InputError

_OWN_COLUMNS = frozenset(
    {"id", "prompt", "candidates", "ranks", "annotator", "shown_order", "guideline_version", "duration_ms"}
    | {"slice", "task", "gold", "priority"}
)


def read_ranking_row(row: Row) -> ImportedItem:
    """Read ``prompt, candidates`` and optional ``id, ranks, annotator, shown_order, gold, priority, slice``."""
    values = row.values
    prompt = prompt_in(values["prompt"], row.where)
    candidates = candidates_in(values["candidates"], row.where)
    names = [candidate["id"] for candidate in candidates]
    gold = values.get("gold")
    item = Item(
        item_name(values.get("id"), prompt, candidates, row.where),
        prompt,
        candidates,
        about={name: value for name, value in values.items() if name not in _OWN_COLUMNS},
        slice=name_in(values.get("slice") or values.get("task"), f"{row.where}: slice"),
        gold=None if gold is None else checked_ranks(gold, names, f"{row.where}: gold"),
        priority=whole_in(values.get("priority"), f"{row.where}: priority", least=-(2**31)) or 0,
    )
    if values.get("ranks") is None:
        return ImportedItem(row.where, item, ())
    given = values.get("shown_order")
    shown = None if given is None else [str(name) for name in list_in(given, f"{row.where}: shown_order")]
    if shown is not None and sorted(shown) != sorted(names):
        raise InputError(f"{row.where}: shown_order must name every candidate once")
    vote = Vote(
        name_in(values.get("annotator"), f"{row.where}: annotator") or "unnamed",
        checked_ranks(values["ranks"], names, f"{row.where}: ranks"),
        shown=shown,
        duration_ms=whole_in(values.get("duration_ms"), f"{row.where}: duration_ms", least=0),
        simulated=bool(values.get("meta_simulated")),
    )
    return ImportedItem(row.where, item, (vote,))


@dataclass(frozen=True, slots=True)
class Reader:
    """A format of rankings: its name, the columns by which it is recognised, and its reading function."""

    name: str
    required: tuple[str, ...]
    read: Callable[[Row], ImportedItem]


READERS = (
    Reader("ranking", ("prompt", "candidates"), read_ranking_row),
    Reader("PandaLM", ("instruction", "response1", "response2"), read_pandalm),
    Reader("MT-bench", ("question_id", "model_a", "model_b", "winner"), read_mt_bench),
    Reader("Argilla", ("fields", "responses"), read_argilla),
    Reader("Label Studio", ("data", "annotations"), read_label_studio),
)


def read_imports(source: str, *, base: Path | None = None) -> Iterator[ImportedItem]:
    """The items of a file or folder, with their rankings; rows of the same item are merged.

    Raises:
        InputError: no format fits, or a row violates its format; the message names file and line.
    """
    reader: Reader | None = None
    known: dict[str, ImportedItem] = {}
    for row in read_rows(source, base=base):
        reader = reader or _reader_of(row)
        missing = [column for column in reader.required if column not in row.values]
        if missing:
            raise InputError(f"{row.where}: no column `{missing[0]}` ({reader.name}), which the first row has")
        imported = reader.read(row)
        if "\\u0000" in json.dumps([imported.item.prompt, imported.item.candidates, imported.item.about]):
            raise InputError(f"{row.where}: a NUL character, which databases cannot store; remove it")
        before = known.get(imported.item.name)
        if before is not None:
            if _content(before.item) != _content(imported.item):
                raise InputError(
                    f"{row.where}: {imported.item.name} has another prompt or other candidates than at {before.where}"
                )
            imported = replace(before, votes=(*before.votes, *imported.votes))
        known[imported.item.name] = imported
    yield from known.values()


def _content(item: Item) -> Any:
    """The content of an item: rows with equal content are the same item."""
    return json.dumps([item.prompt, [(c["id"], c["text"]) for c in item.candidates]])


def _reader_of(row: Row) -> Reader:
    for reader in READERS:
        if all(column in row.values for column in reader.required):
            return reader
    known = "; ".join(f"{', '.join(reader.required)} ({reader.name})" for reader in READERS)
    raise InputError(f"{row.where}: the columns ({', '.join(row.values)}) fit no known format; the formats are {known}")
