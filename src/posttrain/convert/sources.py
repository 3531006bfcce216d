"""Data sets of other tools as data sources of a recipe."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from posttrain.convert.keys import Outcome
from posttrain.data.files.hub import SCHEME

_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w.-]+")
_SPLIT = re.compile(r"(?P<split>[\w.-]+)(\[:(?P<rows>\d+)\])?")
_BUILDERS = frozenset({"json", "csv", "parquet", "text"})
"""Names by which `datasets.load_dataset` reads files of one kind; the files are named beside them."""
_SUFFIXES = (".json", ".jsonl", ".csv", ".parquet", ".txt", ".gz", ".zst")


def is_local(path: str) -> bool:
    """Whether a path means a file or folder, and no data set on the hub."""
    return (
        path.startswith((".", "/", "~"))
        or path.lower().endswith(_SUFFIXES)
        or (len(path) < 255 and Path(path).exists())
    )


def sources_of(
    path: str,
    *,
    files: Sequence[str] = (),
    subset: Any = None,
    split: Any = None,
    columns: Mapping[str, str] | None = None,
    rows: int | None = None,
) -> Outcome:
    """The data sources of a data set that `datasets.load_dataset` would load.

    Args:
        path: a folder, a file, a hub id, or the name of a builder such as `json`.
        files: the files of the data set, if they are named.
        subset: its configuration on the hub.
        split: its split, such as `train` or `train[:1000]`.
        columns: standard column name → its name in the data set.
        rows: the number of first rows.
    """
    match = _SPLIT.fullmatch(str(split or "train"))
    lost = "" if match else f"the split {split} is not a name or a number of first rows; choose the rows in a file"
    first = int(match["rows"]) if match and match["rows"] else rows
    if path in _BUILDERS and files:
        paths = list(files)
    elif is_local(path):
        paths = [f"{path.rstrip('/')}/{file}" for file in files] if files and Path(path).is_dir() else [path]
    else:
        if _HUB_NAME.fullmatch(path) is None:
            lost = f"{path} is neither a file nor a name on the hub (org/name); name a file"
        parts = [subset, match["split"] if match else "train"]
        name = SCHEME + "/".join([path, *(str(part) for part in parts if part)])
        paths = [f"{SCHEME}{path}/{file}" for file in files] or [name]
    return Outcome([_source(item, columns or {}, first) for item in paths], lost=lost)


def joined(outcomes: Sequence[Outcome]) -> Outcome:
    """The sources of several data sets; one path alone is written as a text."""
    sources = [source for outcome in outcomes for source in outcome.value or []]
    lost = "; ".join(dict.fromkeys(outcome.lost for outcome in outcomes if outcome.lost))
    return Outcome((sources[0] if len(sources) == 1 else sources) or None, lost=lost)


def _source(path: str, columns: Mapping[str, str], rows: int | None) -> Any:
    renamed = {ours: theirs for ours, theirs in columns.items() if ours != theirs}
    more = ({"columns": renamed} if renamed else {}) | ({"rows": rows} if rows else {})
    return {"path": path, **more} if more else path


def texts_in(value: Any) -> list[str]:
    """The texts of a list or of a mapping, or the one text that stands for a list of one."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    return [str(item) for item in items if item is not None]
