"""The mark of a tracker in a stage's folder: which steps are reported. It is on disk before and after each report."""

from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from posttrain.files import read_json, write_json


@dataclass(frozen=True, slots=True)
class Mark:
    """The progress of the reports to one tracker.

    Args:
        id: of the tracker's run.
        reported: the last step that is certainly reported.
        attempted: the last step that may be reported.
        finished: the hash of the summary that was reported; None if the run is not finished there.
    """

    id: str
    reported: int = 0
    attempted: int = 0
    finished: str | None = None


def read_mark(path: Path) -> Mark:
    """The mark in a file; a new one, with a new id, if there is no such file or if it is damaged."""
    try:
        return Mark(**read_json(path))
    except (OSError, ValueError, TypeError):
        return Mark(uuid4().hex[:16])


def write_mark(path: Path, mark: Mark) -> None:
    """Write a mark to disk atomically."""
    write_json(path, asdict(mark))
