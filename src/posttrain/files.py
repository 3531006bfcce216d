"""Files that are either whole or not there: written beside, synced, renamed. And their hashes."""

import hashlib
import json
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from posttrain.errors import InputError

PARTIAL = ".partial"
"""Suffix of what is still being written; whatever bears it may be deleted at any time."""


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
                old = target.with_name(target.name + ".old" + PARTIAL)
                shutil.rmtree(old, ignore_errors=True)
                target.rename(old)
                partial.rename(target)
                shutil.rmtree(old, ignore_errors=True)
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
        partial.write_text(text, encoding="utf-8")
        _sync(partial)
        partial.replace(path)
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
    except OSError as error:
        if error.errno is None:
            raise
        raise InputError(
            f"{path}: cannot be written ({os.strerror(error.errno)}); nothing was left half-written. "
            "Free some space or choose another folder with --out, then run the same command again"
        ) from error


def sha256_of(path: Path) -> str:
    """Hash of a file, or of a folder's file names and contents (partial files aside)."""
    digest = hashlib.sha256()
    if path.is_dir():
        for inner in sorted(p for p in path.rglob("*") if p.is_file() and PARTIAL not in p.name):
            digest.update(f"{inner.relative_to(path)}\0{sha256_of(inner)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def hash_of(value: Any) -> str:
    """Hash of a JSON-like value, key order aside."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
