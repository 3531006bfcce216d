"""Helpers of the sandbox's tests: the need for bubblewrap, living processes and files left behind."""

import os
import shutil
from pathlib import Path

from absences import absent

MARKER = "posttrain-escape-marker"


def need_bubblewrap() -> None:
    """Skip the test without bubblewrap; fail where every test is required."""
    if shutil.which("bwrap") is None:
        absent("bubblewrap is not installed")


def descendants() -> set[int]:
    """Numbers of the living processes below this one."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(path.parent.name)] = int(fields[1])
    family = {os.getpid()}
    while children := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= children
    return family - {os.getpid()}


def strays() -> list[Path]:
    """Files with the marker outside of the sandbox."""
    places = ("/tmp", "/var/tmp", "/dev/shm", "/", str(Path.home()), str(Path.cwd()), "/etc")
    return [path for place in places for path in Path(place).glob(f"*{MARKER}*")]
