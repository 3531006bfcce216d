"""Finished work of other runs with the same inputs, taken instead of done again."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from posttrain.files import unchanged, whole_folder
from posttrain.pipeline.earlier_results import Inputs, finished, started_with

LEFT_OUT = frozenset({"checkpoints", "rollouts", "best.safetensors"})
"""Files that only an unfinished stage needs."""


def take_stage(folder: Path, inputs: Inputs, runs: Iterable[Path]) -> Path | None:
    """Copy a finished stage of the same name and inputs from another run, if there is one.

    Args:
        folder: the stage's folder, without work of its own.
        runs: folders of other runs.

    Returns:
        the folder that was copied.
    """
    for run in runs:
        source = run / "stages" / folder.name
        done = finished(source)
        if done is None or done.get("fingerprint") != inputs.fingerprint or started_with(source) != inputs:
            continue
        if unchanged(source / "model", done.get("model", {})):
            _copy(source, folder)
            return source
    return None


def take_base(folder: Path, inputs: Inputs, runs: Iterable[Path]) -> None:
    """Copy the start model's results from another run with the same inputs, if there is one.

    Args:
        folder: ``base`` in the run that needs them.
    """
    if (folder / "behaviour").is_dir():
        return
    for run in runs:
        source = run / folder.name
        if (source / "behaviour").is_dir() and started_with(source) == inputs:
            _copy(source / "behaviour", folder / "behaviour")
            return


def _copy(source: Path, target: Path) -> None:
    """Copy a folder atomically; weights become hard links, since no code changes them in place."""

    def left_out(folder: str, names: list[str]) -> set[str]:
        at = Path(folder)
        if at.name == "trackers" and at.parent == source:  # its marks are needed: what is reported stays reported
            return {name for name in names if (at / name).is_dir()}
        return {*names} & LEFT_OUT if at == source else set()

    with whole_folder(target) as partial:
        shutil.copytree(source, partial, ignore=left_out, copy_function=_link_or_copy, dirs_exist_ok=True)


def _link_or_copy(source: str, target: str) -> str:
    if source.endswith(".safetensors"):
        try:
            os.link(source, target)
            return target
        except OSError:  # another file system, or one without links
            pass
    return shutil.copy2(source, target)
