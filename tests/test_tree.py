"""The tree stays readable: short files and functions, unique names, imports at the top, and no words of a dialect."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import posttrain

ROOT = Path(posttrain.__file__).parent
TREES = {
    str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(ROOT.rglob("*.py"))
}

LONGEST_FILE = 321
LONGEST_FUNCTION = 69
MOST_LAZY_IMPORTS = 75
"""Imports inside functions keep `posttrain --help` fast, and optional packages optional."""

SAME_NAME = {
    "advise": "the Python API's function has the name of the one that it wraps",
    "evaluate": "the Python API's function, and the evaluation of a batch in the training loop",
    "upgrade": "Alembic calls a function of this name in every migration",
}
"""Public names that several modules define, each with the reason."""

WORDS = re.compile(r"(?<![a-z])(told|said|asked)(?![a-z])", re.IGNORECASE)
"""Verbs that were used as nouns: `notes`, `values`, `questions` say what is meant."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def identifiers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, name) of every identifier that a module defines or uses."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                yield node.lineno, name
            case ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield node.lineno, name
            case ast.ClassDef(name=name):
                yield node.lineno, name
            case _:
                pass


def docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, text) of every docstring, and of every string below a constant or a type."""
    for node in ast.walk(tree):
        for inner in getattr(node, "body", ()) if isinstance(getattr(node, "body", ()), list) else ():
            if (
                isinstance(inner, ast.Expr)
                and isinstance(inner.value, ast.Constant)
                and isinstance(inner.value.value, str)
            ):
                yield inner.lineno, inner.value.value


def test_files_and_functions_are_short() -> None:
    long_files = [name for name in TREES if len((ROOT / name).read_text().splitlines()) > LONGEST_FILE]
    long_functions = [
        f"{name}:{node.lineno} {node.name}"
        for name, tree in TREES.items()
        for node in functions(tree)
        if (node.end_lineno or 0) - node.lineno + 1 > LONGEST_FUNCTION
    ]
    assert not long_files
    assert not long_functions


def test_imports_stand_at_the_top_but_for_a_few() -> None:
    lazy = {
        f"{name}:{inner.lineno}"
        for name, tree in TREES.items()
        for node in functions(tree)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    }
    assert len(lazy) <= MOST_LAZY_IMPORTS, sorted(lazy)


def test_a_public_name_is_defined_once() -> None:
    places: dict[str, set[str]] = defaultdict(set)
    for name, tree in TREES.items():
        for node in getattr(tree, "body", ()):
            if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].add(name)
    repeated = {name: sorted(modules) for name, modules in places.items() if len(modules) > 1}
    assert repeated.keys() == SAME_NAME.keys(), {k: v for k, v in repeated.items() if k not in SAME_NAME}


def test_no_identifier_and_no_docstring_holds_a_word_of_the_old_dialect() -> None:
    places = [
        f"{name}:{line} {text[:60]}"
        for name, tree in TREES.items()
        for line, text in (*((n, i.replace("_", " ")) for n, i in identifiers(tree)), *docstrings(tree))
        if WORDS.search(text)
    ]
    assert not places


MENTIONED = re.compile(r"`([a-z_0-9/]+/[a-z_0-9]+\.(?:py|yaml|jinja|js))`")
EXAMPLES = frozenset({"objectives/bco.py", "recipe/stages/bco.py", "stages/bco.py", "recipe/starters/bco.yaml"})
"""Files that a page names as examples of what one would add."""


def missing_files(text: str) -> list[str]:
    """Files of the project's rooms that a text names and that are not there."""
    rooms = {path.name for path in ROOT.iterdir() if path.is_dir()}
    named = [name for name in MENTIONED.findall(text) if name.split("/")[0] in rooms and name not in EXAMPLES]
    return [name for name in named if not (ROOT / name).exists()]


def test_pages_and_docstrings_name_files_that_exist() -> None:
    project = ROOT.parents[1]
    pages = [project / "README.md", project / "CONTRIBUTING.md", *sorted((project / "docs").glob("*.md"))]
    texts = [(page.name, page.read_text(encoding="utf-8")) for page in pages]
    texts += [(f"{module}:{line}", text) for module, tree in TREES.items() for line, text in docstrings(tree)]
    missing = [f"{place}: {name}" for place, text in texts for name in missing_files(text)]
    assert not missing
