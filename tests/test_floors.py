"""The house has floors, and imports go down: a module uses its own room and the rooms below it, nothing else."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
import yaml

import posttrain

ROOT = Path(posttrain.__file__).parent
DOCS = Path(__file__).parents[1] / "docs"

FLOORS = yaml.safe_load((DOCS / "floors.yaml").read_text(encoding="utf-8"))
LEVEL = {room: level for level, floor in enumerate(FLOORS) for room in floor["rooms"]}

MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in sorted(ROOT.rglob("*.py"))}


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module below posttrain) of every import of the project, wherever in the file it is."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "posttrain":
            package = node.module.removeprefix("posttrain").strip(".")
            for alias in node.names:
                inner = f"{package}.{alias.name}".strip(".")
                yield node.lineno, inner if inner in MODULES else package if package in MODULES else ""
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("posttrain."):
                    yield node.lineno, alias.name.removeprefix("posttrain.")


def room_of(module: str) -> str:
    return module.split(".")[0]


def graph() -> Mapping[str, set[str]]:
    """Module → the modules that it imports, packages' own ``__init__`` files left out."""
    return {name: {other for _, other in imports_of(path) if other in MODULES} for name, path in MODULES.items()}


def test_every_room_has_one_floor_and_every_floor_only_rooms() -> None:
    rooms = {room_of(module) for module in MODULES}
    listed = [room for floor in FLOORS for room in floor["rooms"]]
    assert sorted(listed) == sorted(rooms), "give each room a floor in docs/floors.yaml"


def test_imports_go_down() -> None:
    upward = [
        f"{module}:{line} imports {other}"
        for module, path in MODULES.items()
        for line, other in imports_of(path)
        if other and room_of(other) != room_of(module) and LEVEL[room_of(other)] >= LEVEL[room_of(module)]
    ]
    assert not upward


def test_no_module_imports_itself_by_way_of_others() -> None:
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        pytest.fail("import cycle: " + " → ".join(error.args[1]))


def test_core_imports_nothing_else_of_the_project() -> None:
    strangers = {other for path in (ROOT / "core").glob("*.py") for _, other in imports_of(path)}
    assert {room_of(other) for other in strangers} <= {"core"}


def test_the_page_shows_the_floors() -> None:
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rows = [f"| {floor['floor']} | {', '.join(f'`{room}`' for room in floor['rooms'])} |" for floor in FLOORS[::-1]]
    assert "\n".join(rows) in page, "copy these rows into docs/architecture.md:\n" + "\n".join(rows)
