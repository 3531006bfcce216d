"""The file of an SQLite database: only its owner may read it, and it can be copied while the app runs."""

import contextlib
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

from posttrain.errors import InputError
from posttrain.files import PARTIAL, disk_errors

OWN = stat.S_IRUSR | stat.S_IWUSR
BESIDE = ("", "-wal", "-shm", "-journal")
"""Suffixes of SQLite's files; SQLite creates the later ones with the permissions of the first."""


def create_private(path: Path) -> None:
    """Create the file with permissions for its owner alone, whatever the umask; an existing file stays unchanged."""
    with contextlib.suppress(OSError):  # a file that cannot be created cannot be opened: `open_store` reports it
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, OWN))


def keep_private(path: Path) -> None:
    """Remove all permissions of group and others if all users may read or write the database.

    A file that only its group may read stays as it is: somebody chose that mode, whereas 0644 is a default.
    """
    for file in (Path(f"{path}{end}") for end in BESIDE):
        with contextlib.suppress(FileNotFoundError, PermissionError):
            if file.stat().st_mode & stat.S_IRWXO:
                file.chmod(OWN)


def back_up(path: Path, out: Path) -> None:
    """Copy a database while other processes write to it, with SQLite's online backup.

    Raises:
        InputError: the database does not exist or cannot be read, or the copy already exists.
    """
    if not path.is_file():
        raise InputError(f"--db {path}: no such file")
    if out.exists():
        raise InputError(f"{out}: is there already; choose another name")
    partial = out.with_name(out.name + PARTIAL)
    with disk_errors(out):
        partial.unlink(missing_ok=True)
        try:
            os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, OWN))
            with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(partial)) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE").close()  # one file, with nothing beside it
        except sqlite3.Error as error:
            partial.unlink(missing_ok=True)
            raise InputError(f"--db {path}: cannot be copied to {out} ({error})") from error
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.rename(out)
