"""Data as the functions of the API take it."""

from collections.abc import Sequence
from pathlib import Path

Paths = str | Path | Sequence[str | Path]
"""A file, a folder or ``hf://org/name``, or several."""


def paths_of(paths: Paths) -> list[str]:
    """The paths as a list of texts."""
    return [str(paths)] if isinstance(paths, str | Path) else [str(path) for path in paths]
