"""Rollouts on disk. A rollout is saved as a whole before its first step; later steps and a resumed run read it."""

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
    """The folder of rollout `number`."""
    return folder / f"rollout-{number:08d}"


def save(folder: Path, groups: Sequence[Group], measured: Metrics, state: RolloutState) -> None:
    """Save a rollout's groups, metrics and state. Each column has one value per loss token."""
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
        RunError: the rollout is missing or damaged. It cannot be generated again, because the weights have changed.
    """
    if not is_sound(folder):
        state = "damaged (a hash differs)" if folder.is_dir() else "missing"
        raise RunError(
            f"{folder}: this rollout is {state}, and steps that are still to come learn from it. Delete the folders in "
            "checkpoints/ that are newer than its first step, or the stage's whole folder, and run the same command "
            "again: it goes on from the checkpoint before"
        )


def groups_in(folder: Path) -> list[Group]:
    """Read the groups that `save` wrote."""
    columns = {name: np.fromfile(folder / f"{name}.bin", dtype=np.float32) for name in _about(folder)["columns"]}
    store = GroupStore(folder / "groups", columns)
    return [store[i] for i in range(len(store))]


def metrics_in(folder: Path) -> Metrics:
    """Read a rollout's metrics."""
    return _about(folder)["told"]


def state_in(folder: Path) -> RolloutState:
    """Read the state that a rollout passes to the next one."""
    return RolloutState(**_about(folder)["memory"])


def discard_before(folder: Path, before: int) -> None:
    """Delete all rollouts before number `before`."""
    for old in folder.glob("rollout-*"):
        if old.name[8:].isdigit() and int(old.name[8:]) < before:
            shutil.rmtree(old)


def _about(folder: Path) -> Any:
    return read_json(folder / _ABOUT)
