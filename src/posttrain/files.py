"""Atomic writing of files and folders (written beside their place, synced, renamed), and hashes of both."""

import ctypes
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from posttrain.errors import InputError

PARTIAL = ".partial"
"""The suffix of unfinished files and folders; they may be deleted at any time."""

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}
WRONG_NAME = {errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG}
DISK = FULL | CLOSED | WRONG_NAME
"""Errors of the place that is written to. A missing input file or a broken connection gives other errors."""


@contextmanager
def whole_folder(target: Path) -> Generator[Path]:
    """Write a folder atomically; it replaces an older one.

    Yields:
        the unfinished folder; it gets its name when the block ends without an error.
    """
    partial = partial_folder(target)
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


def partial_folder(target: Path) -> Path:
    """The place of a folder until it is whole."""
    return target.with_name(target.name + PARTIAL)


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
    """Write a text file atomically, line by line."""
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
    """Write indented JSON atomically; NaN is refused, since missing values are null."""
    write_whole(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file that this project wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


@contextmanager
def disk_errors(path: Path) -> Generator[None]:
    """While open, errors of a full or read-only disk become one `InputError` that names the path."""
    try:
        yield
    except Exception as error:
        number = error.errno if isinstance(error, OSError) else _quoted_errno(error)
        if number is None or not (number in DISK or _nowhere(error, path)):
            raise
        raise InputError(
            f"{path}: cannot be written ({os.strerror(number)}); no unfinished file was left. "
            "Free some space or choose another folder with --out, then run the same command again"
        ) from error


def _nowhere(error: Exception, path: Path) -> bool:
    """Whether the missing file is the path itself or a folder above it, which cannot be made (as below /proc)."""
    missing = error.filename if isinstance(error, FileNotFoundError) else None
    return isinstance(missing, str) and Path(missing) in {path, path.with_name(path.name + PARTIAL), *path.parents}


def _quoted_errno(error: Exception) -> int | None:
    """The system's error number in the text of another exception; safetensors has its own exceptions."""
    match = re.search(r"\(os error (\d+)\)", str(error))
    return int(match[1]) if match else None


@contextmanager
def locked_cache(path: Path) -> Generator[None]:
    """Hold a file or folder of a cache that processes share, while it is made. Another process waits here."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def sha256_of(path: Path) -> str:
    """The hash of a file, or of the names and contents of a folder's files without partial ones."""
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
"""The file that `seal` writes."""


def seal(folder: Path) -> None:
    """Write the hash of every file of a folder into the folder, so that damage can be found later."""
    write_json(folder / HASHES, hashes_of(folder))


def is_sound(folder: Path) -> bool:
    """Whether a sealed folder exists and all its files are unchanged."""
    try:
        return unchanged(folder, read_json(folder / HASHES))
    except (OSError, ValueError):
        return False


def hashes_of(folder: Path) -> dict[str, str]:
    """Name → hash of every file of a folder, at any depth; empty if there is no folder."""
    names = [str(p.relative_to(folder)) for p in sorted(folder.rglob("*")) if p.is_file() and p.name != HASHES]
    return {name: sha256_of(folder / name) for name in names}


def unchanged(folder: Path, hashes: Mapping[str, str]) -> bool:
    """Whether all these files of a folder exist and have these hashes. Further files do not matter."""
    return all((folder / name).is_file() and sha256_of(folder / name) == value for name, value in hashes.items())


def hash_of(value: Any) -> str:
    """The hash of a JSON-like value; the order of keys does not matter."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _exchange(new: Path, old: Path) -> None:
    """Swap two paths. On Linux (renameat2) this is one step, so that the name always exists; elsewhere it is three."""
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


def check_temporary_folder() -> None:
    """Refuse to begin where no temporary file can be written: libraries need one when they are imported.

    Raises:
        InputError: no temporary folder can be written.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        raise InputError(
            "temporary files cannot be written; free some space, or name another folder in TMPDIR"
        ) from error
