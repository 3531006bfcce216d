"""Rows from files, folders and the Hugging Face hub, streamed, each with its place.

Nothing is repaired here. A file that is not what its name says is refused in one sentence, since a misread row would be
trained on.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from posttrain.data.files.hub import SCHEME, hub_files
from posttrain.data.files.parquet import parquet_rows, without_nulls
from posttrain.data.files.text import csv_rows, json_rows, jsonl_rows, text_rows
from posttrain.data.files.utf8_lines import COMPRESSED
from posttrain.errors import InputError


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a data file.

    Args:
        where: ``file:line`` of its first line, with the file's name as the user gave it; ``file:row N`` in Parquet.
        values: the values by column.
        null_arguments: whether null arguments or parameters of a tool were left out, which Parquet fills in.
    """

    where: str
    values: Mapping[str, Any]
    null_arguments: bool = False


_READERS: dict[str, Callable[[Path, str], Iterator[tuple[int, dict[str, Any]]]]] = {
    ".jsonl": jsonl_rows,
    ".json": json_rows,
    ".csv": csv_rows,
    ".parquet": parquet_rows,
    ".txt": text_rows,
}


def read_rows(source: str | Path, *, base: Path | None = None) -> Iterator[Row]:
    """Stream the rows of a file, of a folder's files in the order of their names, or of a hub data set.

    Args:
        source: a path, or ``hf://org/name[/file, folder or split]``.
        base: folder that relative paths start from (the recipe's); the working directory if None.

    Raises:
        InputError: there are no files to read (raised at once), or a file is malformed (raised while iterating).
    """
    return _rows(source_files(source, base=base))


def source_files(source: str | Path, *, base: Path | None = None) -> list[tuple[str, Path]]:
    """(name in messages, path) of each file that `read_rows` reads, in order."""
    name = str(source)
    if name.startswith(SCHEME):
        return hub_files(name, _READERS)
    path = (base or Path()) / Path(name).expanduser()
    if path.is_dir():
        return _folder_files(path, name)
    if not path.is_file():
        raise InputError(f"{name}: {_not_regular(path) or f'no such file{_nearest_file(path)}'}")
    if _format(path) not in _READERS:
        tabs = "; save it with commas, as .csv" if _format(path) in {".tsv", ".tab"} else ""
        raise InputError(f"{name}: unknown kind of file; {_understood()}{tabs}")
    return [(name, path)]


def _rows(files: list[tuple[str, Path]]) -> Iterator[Row]:
    for name, path in files:
        read = _READERS[_format(path)]
        count = 0
        for number, values in read(path, name):
            count += 1
            if read is parquet_rows:
                kept, arguments = without_nulls(values)
                yield Row(f"{name}:row {number}", kept, arguments)
            else:
                yield Row(f"{name}:{number}", values)
        if count == 0:
            raise InputError(f"{name}: the file is empty (it holds no rows)")


def _folder_files(folder: Path, name: str) -> list[tuple[str, Path]]:
    entries = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    unknown = [p.name + "/" * p.is_dir() for p in entries if p.is_dir() or _format(p) not in _READERS]
    if not entries:
        raise InputError(f"{name}: the folder is empty; {_understood()}")
    for path in entries:
        if reason := _not_regular(path):
            raise InputError(f"{name}/{path.name}: {reason}; move it out of the folder")
    if unknown:
        listed = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        raise InputError(
            f"{name}: the folder holds entries that are no data files: {listed}; {_understood()}. "
            "Move it out, or name the data files one by one"
        )
    return [(f"{name.rstrip('/')}/{p.name}", p) for p in entries]


def _not_regular(path: Path) -> str | None:
    """A description of an entry that cannot hold rows; None for a file, a folder, or if there is nothing."""
    if path.is_file() or path.is_dir():
        return None
    if path.is_symlink():
        return f"a link to {path.readlink()}, which does not exist"
    return "a pipe, socket or device, and no file of rows" if path.exists() else None


def _format(path: Path) -> str:
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in COMPRESSED else suffix


def _understood() -> str:
    return f"data files end in {', '.join(_READERS)}, each also with {' or '.join(sorted(COMPRESSED))}"


def _nearest_file(path: Path) -> str:
    if not path.parent.is_dir():
        return f" (there is no folder {path.parent} either)"
    near = get_close_matches(path.name, [p.name for p in path.parent.iterdir()], n=1)
    return f"; did you mean {near[0]}?" if near else ""
