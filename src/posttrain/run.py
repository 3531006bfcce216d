"""The run directory: everything needed to audit a run later, and to go on with it."""

import fcntl
import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from posttrain import __version__
from posttrain.data.read import source_files
from posttrain.errors import InputError
from posttrain.files import disk_errors, read_json, sha256_of, write_json

LIBRARIES = ("torch", "transformers", "tokenizers", "peft", "safetensors", "numpy")


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """Hold a run directory; two processes in one would write over each other.

    Raises:
        InputError: another process holds it, or it cannot be written.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(f"{folder}: another run is at work here; wait for it, or choose another --out") from error
        yield
    finally:
        os.close(handle)


def write_manifest(folder: Path, *, recipe: Mapping[str, Any], model: str, data: Mapping[str, str]) -> None:
    """``manifest.json``: what went in, and on what it ran.

    Args:
        recipe: as resolved, overrides and defaults included.
        model: hash of the base model's folder, or its hub id.
        data: path → hash of every file read.
    """
    write_json(
        folder / "manifest.json",
        {
            "posttrain": __version__,
            "code": sha256_of_code(),
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
    import hashlib

    digest = hashlib.sha256()
    here = Path(__file__).parent
    for path in sorted(here.rglob("*.py")):
        digest.update(f"{path.relative_to(here)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def data_hashes(paths: list[str], base: Path) -> dict[str, str]:
    """Name → hash of every file behind some data paths."""
    return {name: sha256_of(path) for source in dict.fromkeys(paths) for name, path in source_files(source, base=base)}


def file_hashes(paths: list[str], base: Path) -> dict[str, str]:
    """Path → hash of files that are no data (a reward's code...); a missing one is told by whoever reads it."""
    return {path: sha256_of(base / path) for path in dict.fromkeys(paths) if (base / path).exists()}


def begin(folder: Path, fingerprint: str) -> str | None:
    """Make ready a stage's folder for inputs with this fingerprint.

    What an earlier run left there with other inputs is set aside as ``{folder}.previous``, never mixed in.

    Returns:
        a sentence if something was set aside.
    """
    started = folder / "started.json"
    if started.is_file() and read_json(started)["fingerprint"] == fingerprint:
        return None
    told = None
    if folder.is_dir() and any(folder.iterdir()):
        previous = folder.with_name(folder.name + ".previous")
        shutil.rmtree(previous, ignore_errors=True)
        folder.rename(previous)
        told = f"its inputs changed since the last run, so it starts anew; the earlier result is in {previous.name}/"
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_json(started, {"fingerprint": fingerprint})
    return told


def finished(folder: Path, fingerprint: str) -> dict[str, Any] | None:
    """What a stage left when it was done with exactly these inputs; None if it was not."""
    path = folder / "stage.json"
    if not path.is_file():
        return None
    done = read_json(path)
    return done if done["fingerprint"] == fingerprint else None
