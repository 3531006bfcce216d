"""The run directory: everything needed to audit a run later, and to go on with it."""

import fcntl
import hashlib
import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import posttrain
from posttrain import __version__
from posttrain.data.files.read import source_files
from posttrain.errors import InputError, RunError
from posttrain.files import disk_errors, read_json, sha256_of, write_json

TRIES = 3
"""How often a lock is tried for."""

LIBRARIES = ("torch", "transformers", "tokenizers", "peft", "safetensors", "numpy")


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """Hold a run directory; two processes in one would write over each other.

    Raises:
        InputError: another process holds it, or it cannot be written.
        RunError: it was deleted or moved while it was held.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    handle = take_lock(folder)
    try:
        with disk_errors(folder):  # a full disk is seen here, before anything is loaded
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode())
        try:
            yield
        except FileNotFoundError as error:
            _check_still_there(folder, error)
            raise
        _check_still_there(folder, None)
    finally:
        os.close(handle)


def take_lock(folder: Path) -> int:
    """Lock a run directory; the lock is held until the returned file descriptor is closed.

    Raises:
        InputError: another process holds it, or it cannot be written.
    """
    with disk_errors(folder):
        handle = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR)
    for _ in range(TRIES):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except OSError:
            time.sleep(0.05)  # `at_work` may hold the lock for a moment
    os.close(handle)
    raise InputError(f"{folder}: another run is at work here; wait for it, or choose another --out")


def _check_still_there(folder: Path, cause: Exception | None) -> None:
    if not (folder / ".lock").exists():
        raise RunError(
            f"{folder}: this folder was deleted or moved while the run was at work, so results are missing; "
            "run the same command again"
        ) from cause


def folder_for(recipe: Path) -> Path:
    """The run directory of a recipe where none is named: ``runs/`` and the recipe's path with ``-`` for ``/``.

    Of a recipe outside the working directory the path is its folder's name and its own: ``../a/sft.yaml`` runs in
    ``runs/a-sft``.
    """
    place = recipe.resolve().with_suffix("")
    inside = place.is_relative_to(Path.cwd())
    return Path("runs") / "-".join(place.relative_to(Path.cwd()).parts if inside else place.parts[-2:])


def check_owner(folder: Path, recipe: Path) -> str | None:
    """Refuse a run directory that belongs to another recipe.

    Returns:
        a sentence where the recipe was moved since.

    Raises:
        InputError: the directory holds the run of another recipe, which is still there.
    """
    try:
        owner = read_json(folder / "manifest.json").get("recipe_file")
    except (OSError, ValueError, AttributeError):  # a new directory, or a damaged manifest
        return None
    if owner is None or Path(owner) == recipe.resolve():
        return None
    if Path(owner).is_file():
        raise InputError(f"{folder}: holds the run of {owner}, not of {recipe}; name another run directory with --out")
    return f"this run directory's recipe was {owner}, which is not there any more"


def write_manifest(
    folder: Path, *, file: Path | None, recipe: Mapping[str, Any], model: str, data: Mapping[str, str]
) -> None:
    """``manifest.json``: what went in, and on what it ran.

    Args:
        file: the recipe's file, if it has one.
        recipe: as resolved, overrides and defaults included.
        model: hash of the base model's folder, or its hub id.
        data: path → hash of every file read.
    """
    write_json(
        folder / "manifest.json",
        {
            "posttrain": __version__,
            "code": sha256_of_code(),
            "recipe_file": None if file is None else str(file.resolve()),
            "recipe": recipe,
            "model": model,
            "data": data,
            "python": sys.version.split()[0],
            "machine": {"system": platform.platform(), "cpus": os.cpu_count()},
            "libraries": {name: importlib.metadata.version(name) for name in LIBRARIES},
        },
    )


def sha256_of_code() -> str:
    """Hash of this package's own Python files."""
    digest = hashlib.sha256()
    here = Path(posttrain.__file__).parent
    for path in sorted(here.rglob("*.py")):
        digest.update(f"{path.relative_to(here)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def data_hashes(paths: list[str], base: Path) -> dict[str, str]:
    """Name → hash of every file behind the data paths."""
    return {name: sha256_of(path) for source in dict.fromkeys(paths) for name, path in source_files(source, base=base)}


def file_hashes(paths: list[str], base: Path) -> dict[str, str]:
    """Path → hash of files that are no data (a reward's code...); the code that reads a missing file reports it."""
    return {path: sha256_of(base / path) for path in dict.fromkeys(paths) if (base / path).exists()}
