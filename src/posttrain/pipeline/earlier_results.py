"""The results of an earlier run in a stage's folder: their inputs, and the changes since. No result is deleted."""

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posttrain.files import PARTIAL, disk_errors, hash_of, read_json, write_json

_STARTED = "started.json"
MODE = "parallel.txt"
"""The file that holds what ``parallel: auto`` was decided to be."""

_REMADE = (_STARTED, MODE, "data")
"""Files that a stage writes before its work begins. They are quick to write again."""

_PREVIOUS = re.compile(r"\.previous(-\d+)?$")


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs on which a stage's result depends.

    Args:
        keys: of the recipe, as resolved: the stage's own, the seed, its suites.
        content: hash of each model and file, by its name in the recipe.
    """

    keys: Mapping[str, Any] = field(default_factory=dict)
    content: Mapping[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """One hash of all."""
        return hash_of([self.keys, self.content])


def begin(folder: Path, inputs: Inputs) -> Path | None:
    """Make a stage's folder ready for these inputs.

    Results of an earlier run with other inputs move to ``NAME.previous-1``, ``-2``...; they are never mixed in. Only
    a folder without work (the run failed at its start) is deleted.

    Returns:
        where the earlier work is, if there is any.
    """
    if started_with(folder) == inputs:
        return None
    aside = None
    if has_work(folder):
        aside = _free_name(folder)
        folder.rename(aside)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / _STARTED, {"keys": inputs.keys, "content": inputs.content})
    return aside


def started_with(folder: Path) -> Inputs | None:
    """The inputs that the work in a folder began with; None if they are not known."""
    record = _read(folder / _STARTED)
    return (
        Inputs(record["keys"], record["content"])
        if record is not None and record.keys() == {"keys", "content"}
        else None
    )


def finished(folder: Path) -> dict[str, Any] | None:
    """The record that a stage wrote when it was done; None if it is not done."""
    return _read(folder / "stage.json")


def has_work(folder: Path) -> bool:
    """Whether a folder holds more than the start of a stage."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    names = (path.relative_to(folder).parts for path in files)
    return any(parts[0] not in _REMADE and not any(part.endswith(PARTIAL) for part in parts) for parts in names)


def changes(before: Inputs | None, now: Inputs) -> list[str]:
    """The differences between two runs' inputs: ``learning_rate: 2e-05 → 0.001``, ``train.jsonl: another content``."""
    if before is None:
        return ["it is not known what the earlier result was made from"]
    keys = _differing(flat(before.keys), flat(now.keys))
    lines = [f"{key}: {_shown(old)} → {_shown(new)}" for key, old, new in keys]
    for name, old, new in _differing(before.content, now.content):
        lines.append(f"{name}: {'added' if old is None else 'removed' if new is None else 'another content'}")
    return lines


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted keys."""
    flattened: dict[str, Any] = {}
    for key, value in values.items():
        flattened |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flattened


def strangers(stages: Path, known: Mapping[str, Any]) -> list[str]:
    """Folders of a run that belong to no stage of the recipe, earlier results aside."""
    names = sorted(path.name for path in stages.iterdir() if path.is_dir()) if stages.is_dir() else []
    return [name for name in names if name not in known and not _PREVIOUS.search(name) and not name.endswith(PARTIAL)]


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """(key, old, new) of each difference; None means that the key is missing."""
    for key in dict.fromkeys([*before, *now]):
        old, new = before.get(key), now.get(key)
        if old != new:
            yield key, old, new


def _shown(value: Any) -> str:
    return "not set" if value is None else str(value)


def _free_name(folder: Path) -> Path:
    number = 1
    while (place := folder.with_name(f"{folder.name}.previous-{number}")).exists():
        number += 1
    return place


def _read(path: Path) -> dict[str, Any] | None:
    """A JSON object that this project wrote; None if it is missing or damaged."""
    try:
        record = read_json(path)
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None
