"""A rollout on disk, whole or not there: written before its first step, read by every later one and by a resume."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from posttrain.core.group import Group
from posttrain.data.sets.store import GroupStore, StoreWriter
from posttrain.errors import RunError
from posttrain.files import is_sound, read_json, seal, whole_folder, write_json
from posttrain.rollouts.types import Metrics, RolloutState

_ABOUT = "about.json"


def rollout_folder(folder: Path, number: int) -> Path:
    """Where rollout `number` lies."""
    return folder / f"rollout-{number:08d}"


def save(folder: Path, groups: Sequence[Group], measured: Metrics, state: RolloutState) -> None:
    """Generate a rollout's groups, whose columns all have a value for each loss token."""
    names = sorted(groups[0].columns)
    with whole_folder(folder) as target:
        writer = StoreWriter(target / "groups")
        for group in groups:
            writer.add(Group(group.where, group.prompt, group.completions))
        writer.close()
        for name in names:
            np.concatenate([group.columns[name] for group in groups]).astype(np.float32).tofile(target / f"{name}.bin")
        write_json(target / _ABOUT, {"told": dict(measured), "memory": asdict(state), "columns": names})
        seal(target)


def check(folder: Path) -> None:
    """Refuse a rollout that is missing or damaged.

    Raises:
        RunError: it is. The weights that wrote it have moved on, so it cannot be written again.
    """
    if not is_sound(folder):
        state = "damaged (a hash differs)" if folder.is_dir() else "missing"
        raise RunError(
            f"{folder}: this rollout is {state}, and steps that are still to come learn from it. Delete the folders in "
            "checkpoints/ that are newer than its first step, or the stage's whole folder, and run the same command "
            "again: it goes on from the checkpoint before"
        )


def groups_in(folder: Path) -> list[Group]:
    """What `save` wrote."""
    columns = {name: np.fromfile(folder / f"{name}.bin", dtype=np.float32) for name in _about(folder)["columns"]}
    store = GroupStore(folder / "groups", columns)
    return [store[i] for i in range(len(store))]


def metrics_in(folder: Path) -> Metrics:
    """A rollout's metrics."""
    return _about(folder)["told"]


def state_in(folder: Path) -> RolloutState:
    """What a rollout hands to the next."""
    return RolloutState(**_about(folder)["memory"])


def discard_before(folder: Path, before: int) -> None:
    """Delete all rollouts before number `before`."""
    for old in folder.glob("rollout-*"):
        if old.name[8:].isdigit() and int(old.name[8:]) < before:
            shutil.rmtree(old)


def _about(folder: Path) -> Any:
    return read_json(folder / _ABOUT)
