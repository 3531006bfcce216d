"""Check that a Python file has a function, by its syntax: the file is not run."""

import ast
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from posttrain.errors import InputError


def check_function(path: Path, name: str) -> None:
    """Look for a function in a Python file without running it.

    Raises:
        InputError: the file is no Python, or binds no such name.
    """
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError as error:
        raise InputError(f"{path}:{error.lineno or 1}: {error.msg}") from error
    except (OSError, ValueError) as error:
        raise InputError(f"file: {path} cannot be read as Python ({error})") from error
    names = dict(_bound(tree.body))
    if name not in names and "*" not in names:
        functions = [known for known, is_function in names.items() if is_function]
        near = get_close_matches(name, functions, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        known = f" (it has {', '.join(functions) or 'none'}){hint}"
        raise InputError(f"function: {path} has no function {name}{known}")


def _bound(body: Sequence[ast.AST]) -> Iterator[tuple[str, bool]]:
    """(name, whether it is a function) of each name that statements bind; `*` where the syntax does not show them."""
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name, True
            case ast.ClassDef(name=name):
                yield name, False
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (((alias.asname or alias.name).split(".")[0], False) for alias in names)
            case ast.Name(id=name, ctx=ast.Store()):
                yield name, False
            case ast.Name(id="globals" | "exec" | "vars"):
                yield "*", False
            case _:
                yield from _bound(list(ast.iter_child_nodes(node)))
