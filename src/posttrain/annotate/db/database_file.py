"""The file of an SQLite database: nobody else's to read, and copied whole while the app runs."""

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
"""SQLite's files; it gives new ones beside the first the rights of that one."""


def create_private(path: Path) -> None:
    """Create the file for its owner alone, whatever the umask; one that is there is left as it is."""
    with contextlib.suppress(OSError):  # what cannot be created cannot be opened either: whoever opens it says so
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, OWN))


def keep_private(path: Path) -> None:
    """Take a database away from users that may all read or write it.

    One that only its group may read is left so: that is somebody's decision, where 0644 is a default.
    """
    for one in (Path(f"{path}{end}") for end in BESIDE):
        with contextlib.suppress(FileNotFoundError, PermissionError):
            if one.stat().st_mode & stat.S_IRWXO:
                one.chmod(OWN)


def back_up(path: Path, out: Path) -> None:
    """Copy a database whole, while others write to it: SQLite's own online backup.

    Raises:
        InputError: there is no such database, it cannot be read, or the copy's name is taken.
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
