"""What the sandbox's tests share: a box, and what is alive below this process."""

import os
import shutil
from pathlib import Path

from absences import absent

MARKER = "posttrain-escape-marker"


def need_bubblewrap() -> None:
    """Skip (or fail, where all is required) without bubblewrap."""
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
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {os.getpid()}


def strays() -> list[Path]:
    """Marked files outside the sandbox."""
    places = ("/tmp", "/var/tmp", "/dev/shm", "/", str(Path.home()), str(Path.cwd()), "/etc")
    return [path for place in places for path in Path(place).glob(f"*{MARKER}*")]
