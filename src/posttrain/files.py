"""Files that are either whole or not there: written beside, synced, renamed. And their hashes."""

import ctypes
import errno
import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from posttrain.errors import InputError

PARTIAL = ".partial"
"""Suffix of what is still being written; whatever bears it may be deleted at any time."""

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}
WRONG_NAME = {errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG}
DISK = FULL | CLOSED | WRONG_NAME
"""Errors that come from the place written to. A missing input file or a broken connection is something else."""


@contextmanager
def whole_folder(target: Path) -> Generator[Path]:
    """A folder that appears under its name complete, or not at all; an older one is replaced.

    Yields:
        the folder to write into.
    """
    partial = target.with_name(target.name + PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    with disk_errors(target):
        partial.mkdir(parents=True)
        try:
            yield partial
            for path in partial.rglob("*"):
                _sync(path)
            _sync(partial)
            if target.exists():
                _exchange(partial, target)
                shutil.rmtree(partial, ignore_errors=True)
            else:
                partial.rename(target)
            _sync(target.parent)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def write_whole(path: Path, text: str) -> None:
    """Write a text file atomically."""
    partial = path.with_name(path.name + PARTIAL)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_text(text, encoding="utf-8")
            _sync(partial)
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _sync(path.parent)


@contextmanager
def whole_file(path: Path) -> Generator[TextIO]:
    """A text file to write line by line, that appears under its name complete, or not at all."""
    partial = path.with_name(path.name + PARTIAL)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("w", encoding="utf-8") as file:
                yield file
            _sync(partial)
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _sync(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, indented; NaN is refused (missing evidence is null)."""
    write_whole(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file this project wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


@contextmanager
def disk_errors(path: Path) -> Generator[None]:
    """Turn a full or read-only disk into a sentence."""
    try:
        yield
    except Exception as error:
        number = error.errno if isinstance(error, OSError) else _quoted_errno(error)
        if number is None or not (number in DISK or _nowhere(error, path)):
            raise
        raise InputError(
            f"{path}: cannot be written ({os.strerror(number)}); nothing was left half-written. "
            "Free some space or choose another folder with --out, then run the same command again"
        ) from error


def _nowhere(error: Exception, path: Path) -> bool:
    """Whether it is the place itself, or a folder above it, that is not there and cannot be made (below /proc)."""
    missing = error.filename if isinstance(error, FileNotFoundError) else None
    return isinstance(missing, str) and Path(missing) in {path, path.with_name(path.name + PARTIAL), *path.parents}


def _quoted_errno(error: Exception) -> int | None:
    """The system's error within an exception of another kind: safetensors has its own."""
    found = re.search(r"\(os error (\d+)\)", str(error))
    return int(found[1]) if found else None


def sha256_of(path: Path) -> str:
    """Hash of a file, or of a folder's file names and contents (partial files aside)."""
    digest = hashlib.sha256()
    if path.is_dir():
        names = sorted(p.relative_to(path) for p in path.rglob("*") if p.is_file())
        for name in names:
            if not any(part.endswith(PARTIAL) for part in name.parts):
                digest.update(f"{name}\0{sha256_of(path / name)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


HASHES = "hashes.json"
"""What `seal` writes."""


def seal(folder: Path) -> None:
    """Write the hash of every file of a folder beside them, so that damage can be seen later."""
    write_json(folder / HASHES, hashes_of(folder))


def is_sound(folder: Path) -> bool:
    """Whether a sealed folder is there and all its files are as they were written."""
    try:
        return unchanged(folder, read_json(folder / HASHES))
    except (OSError, ValueError):
        return False


def hashes_of(folder: Path) -> dict[str, str]:
    """Name → hash of every file of a folder, at any depth; of none where there is no folder."""
    names = [str(p.relative_to(folder)) for p in sorted(folder.rglob("*")) if p.is_file() and p.name != HASHES]
    return {name: sha256_of(folder / name) for name in names}


def unchanged(folder: Path, hashes: Mapping[str, str]) -> bool:
    """Whether all these files of a folder are there and are as they were; further files do not matter."""
    return all((folder / name).is_file() and sha256_of(folder / name) == value for name, value in hashes.items())


def hash_of(value: Any) -> str:
    """Hash of a JSON-like value, key order aside."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _exchange(new: Path, old: Path) -> None:
    """Swap two paths: in one step on Linux (renameat2), so that at no moment neither has the name; in three
    elsewhere."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None) if sys.platform == "linux" else None
    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    if rename is not None and rename(here, os.fsencode(new), here, os.fsencode(old), swap) == 0:
        return
    aside = old.with_name(old.name + ".old" + PARTIAL)
    shutil.rmtree(aside, ignore_errors=True)
    old.rename(aside)
    new.rename(old)
    aside.rename(new)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
