"""The house has floors, and imports go down: a module uses its own folder and what lies below it, nothing else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import posttrain

ROOT = Path(posttrain.__file__).parent

FLOORS = (  # lowest first; rooms of one floor do not know each other
    {"errors", "heap", "options", "cli_options", "__init__"},
    {"endpoint", "files", "library_log", "screen", "yaml_lines", "core"},
    {"objectives", "credit", "data", "policy"},
    {"rewards", "rollout", "train"},
    {"evaluate", "experience"},
    {"annotate", "audit"},
    {"stages"},
    {"earlier", "overrides", "recipe_problems", "run", "starters", "tables"},
    {"recipe"},
    {"wiring"},
    {"advise", "generate", "pipeline", "plan"},
    {"audit_recipe"},
    {"annotate_cli", "data_cli", "demo"},
    {"cli"},
    {"__main__"},
)
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}

MODULES = sorted(ROOT.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> Iterator[tuple[int, str]]:
    """(line, room) of every import of the project, wherever in the file it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "posttrain":
            parts = node.module.split(".")
            names = [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
            for name in names:
                yield node.lineno, name if (ROOT / name).exists() or (ROOT / f"{name}.py").exists() else "__init__"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                if parts[0] == "posttrain":
                    yield node.lineno, parts[1] if len(parts) > 1 else "__init__"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    room = room_of(path)
    assert room in LEVEL, f"give {room} a floor in this test and in docs/architecture.md"
    upward = [
        f"{path.relative_to(ROOT)}:{line} imports {other}"
        for line, other in imported_rooms(path)
        if other != room and LEVEL[other] >= LEVEL[room]
    ]
    assert not upward


def test_core_imports_nothing_else_of_the_project() -> None:
    strangers = {other for path in (ROOT / "core").glob("*.py") for _, other in imported_rooms(path)}
    assert strangers <= {"core"}


def test_every_floor_stands() -> None:
    assert {room_of(path) for path in MODULES} == set(LEVEL)
