"""The runs below a folder: what each one is, how it ended, and how much room it takes."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from posttrain.errors import InputError
from posttrain.report.headline import Tone, headline
from posttrain.report.record import read_run
from posttrain.report.run_files import expected, json_object

MANIFEST = "manifest.json"

DEEP = 3
"""How deep runs are looked for: runs/NAME, and runs/SWEEP/VALUE/run."""


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run in a list.

    Args:
        stages: (stages that are done, all stages).
        verdict: what its gates decided, or what is wrong with its files.
        changed: when a file of the run was last written, in seconds since 1970.
        size: bytes on disk; a file with several names counts once.
    """

    folder: Path
    stages: tuple[int, int]
    tone: Tone
    verdict: str
    changed: float
    size: int


def listed_runs(folder: Path) -> list[ListedRun]:
    """The runs below a folder, the latest first."""
    return sorted(map(listed_run, run_folders(folder)), key=lambda run: -run.changed)


def run_folders(folder: Path) -> list[Path]:
    """The folders of the runs below a folder, or the folder itself if it is a run's."""
    return list(_run_folders(folder, DEEP))


def listed_run(folder: Path) -> ListedRun:
    """One run. Of a broken one the verdict says what is broken."""
    states = {inode: (size, time) for inode, size, time in _files(folder)}
    changed = max((time for _, time in states.values()), default=0.0)
    size = sum(size for size, _ in states.values())
    try:
        run = read_run(folder)
        with expected(folder / "gates.json"):
            found = headline(run, {})
    except InputError as error:
        return ListedRun(folder, (0, 0), "bad", str(error), changed, size)
    done = sum(stage.state == "done" for stage in run.stages)
    return ListedRun(folder, (done, len(run.stages)), found.tone, found.sentence, changed, size)


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run. Other programs write files of the name manifest.json, too."""
    if not (folder / MANIFEST).is_file():
        return False
    try:
        manifest = json_object(folder / MANIFEST)
    except InputError:
        return (folder / "stages").is_dir()
    return manifest is not None and {"posttrain", "recipe"} <= manifest.keys()


def run_in(folder: Path) -> Path | None:
    """The run's folder, which is the folder itself or ``run`` in it, as in the demo's; None if there is no run."""
    return next((path for path in (folder, folder / "run") if is_run(path)), None)


def _files(folder: Path) -> Iterator[tuple[int, int, float]]:
    """(inode, bytes, time of the last change) of each file; a run at work may remove some meanwhile."""
    for path in (Path(parent, name) for parent, _, names in os.walk(folder) for name in names):
        with suppress(OSError):
            found = path.lstat()
            if stat.S_ISREG(found.st_mode):
                yield found.st_ino, found.st_size, found.st_mtime


def _run_folders(folder: Path, deep: int) -> Iterator[Path]:
    if is_run(folder):
        yield folder
    elif deep:
        with suppress(OSError):  # no right to read it, or it was removed meanwhile
            for path in sorted(folder.iterdir()):
                if path.is_dir() and not path.is_symlink():
                    yield from _run_folders(path, deep - 1)
