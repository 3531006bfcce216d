"""Files for audits."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from audits import Write


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write rows as JSON Lines; the file's path."""

    def rows(name: str, some: Iterable[Mapping[str, Any]]) -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in some), encoding="utf-8")
        return path

    return rows
