"""Data sets of other tools as data sources of a recipe."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from posttrain.convert.keys import Outcome
from posttrain.data.files.hub import SCHEME
from posttrain.errors import InputError

_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w.-]+")
_SPLIT = re.compile(r"(?P<split>[\w.-]+)(\[:(?P<rows>\d+)\])?")
_BUILDERS = frozenset({"json", "csv", "parquet", "text"})
"""Names by which `datasets.load_dataset` reads files of one kind; the files are named beside them."""
_SUFFIXES = (".json", ".jsonl", ".csv", ".parquet", ".txt", ".gz", ".zst")
_WORDS_OF_SPLITS = {
    "train": "train training",
    "validation": "validation valid val dev",
    "test": "test testing eval evaluation",
}
_SPLIT_OF_WORD = {word: split for split, words in _WORDS_OF_SPLITS.items() for word in words.split()}
"""A word in a file's name → the split that it shows."""


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
    files: Any = None,
    folder: Any = None,
    subset: Any = None,
    split: Any = None,
    columns: Mapping[str, str] | None = None,
    rows: int | None = None,
) -> Outcome:
    """The data sources of a split of a data set, as `datasets.load_dataset` would load it.

    Args:
        path: a folder, a file, a hub id, or the name of a builder such as `json`.
        files: the files of the data set, if they are named: a text, a list, or a mapping from splits.
        folder: the folder of the data set that holds the files.
        subset: its configuration on the hub.
        split: its split, such as `train` or `train[:1000]`.
        columns: standard column name → its name in the data set.
        rows: the number of first rows.

    Raises:
        InputError: names and folders do not show which files belong to the split.
    """
    match = _SPLIT.fullmatch(str(split or "train"))
    lost = [] if match else [f"the split {split} is not a name or a number of first rows; choose the rows in a file"]
    name = match["split"] if match else "train"
    first = int(match["rows"]) if match and match["rows"] else rows
    named = _files_of_split(files, name, path)
    if path in _BUILDERS and named:
        paths = named
    elif path in _BUILDERS and folder:
        paths = _in_folder(str(folder), name)
    elif is_local(path):
        inside = f"{path.rstrip('/')}/{folder}" if folder else path
        paths = [f"{inside.rstrip('/')}/{file}" for file in named] or _in_folder(inside, name)
    else:
        if _HUB_NAME.fullmatch(path) is None:
            lost.append(f"{path} is neither a file nor a name on the hub (org/name); name a file")
        if folder:
            lost.append(f"the folder {folder} of {path}: see that the path names its files on the hub")
        whole = SCHEME + "/".join(str(part) for part in (path, folder, subset, name) if part)
        paths = [SCHEME + "/".join(str(part) for part in (path, folder, file) if part) for file in named] or [whole]
    if first and len(paths) > 1:
        lost.append(
            f"there, {first} is the number of rows of all files together; `rows` holds for each file, so divide it"
        )
    return Outcome([source_of(item, columns or {}, first) for item in paths], lost="; ".join(lost))


def _files_of_split(files: Any, split: str, path: str) -> list[str]:
    """The named files of a split; a text or a list names those of any split."""
    if not isinstance(files, dict):
        return _texts_in(files)
    if split not in files:
        raise InputError(f"{path}: its files are those of {', '.join(map(str, files))}; name those of {split}")
    return _texts_in(files[split])


def _in_folder(path: str, split: str) -> list[str]:
    """The file itself, or the files of a split in a folder, which words in their names show to `datasets`."""
    if path.lower().endswith(_SUFFIXES) and not Path(path).is_dir():
        return [path]
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise InputError(
            f"{path}: there is no such folder, so nothing shows the files of its split {split}; run the command "
            "where the folder is, or name the files"
        )
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.name.lower().endswith(_SUFFIXES))
    splits = {name: _splits_named(name) for name in names if not name.startswith(".")}
    wanted = _SPLIT_OF_WORD.get(split, split)
    chosen = [name for name, shown in splits.items() if wanted in shown]
    if any(len(splits[name]) > 1 for name in chosen):
        raise InputError(f"{path}: a file's name shows several splits; name the files of {split} as data_files")
    if chosen:
        return [f"{path.rstrip('/')}/{name}" for name in chosen]
    if wanted == "train" and splits and not any(splits.values()):
        return [path]
    shown = ", ".join(splits) or "no data files"
    raise InputError(f"{path}: no file of the split {split} ({shown}); name the files of {split} as data_files")


def _splits_named(name: str) -> set[str]:
    """The splits that the words of a path show."""
    return {_SPLIT_OF_WORD[word] for word in re.split(r"[^a-z]+", name.lower()) if word in _SPLIT_OF_WORD}


def joined(outcomes: Sequence[Outcome]) -> Outcome:
    """The sources of several data sets; one path alone is written as a text."""
    sources = [source for outcome in outcomes for source in outcome.value or []]
    lost = "; ".join(dict.fromkeys(outcome.lost for outcome in outcomes if outcome.lost))
    return Outcome((sources[0] if len(sources) == 1 else sources) or None, lost=lost)


def source_of(path: str, columns: Mapping[str, str], rows: int | None) -> Any:
    """A source of a recipe: the path alone, or with its columns and its number of first rows."""
    renamed = {ours: theirs for ours, theirs in columns.items() if ours != theirs}
    more = ({"columns": renamed} if renamed else {}) | ({"rows": rows} if rows else {})
    return {"path": path, **more} if more else path


def _texts_in(value: Any) -> list[str]:
    """The texts of a list, or the one text that stands for a list of one."""
    items = value if isinstance(value, list) else [value]
    return [str(item) for item in items if item is not None]
