"""What the text of tests says before any of it runs: which names they expect of the code, and where they catch.

All of it depends on the row's tests alone, never on the tested code. So a row whose tests cannot be run apart from the
code is the same for every answer.
"""

import ast
import builtins
import importlib
import importlib.util
import sys
from collections.abc import Coroutine, Generator, Iterator, Sequence
from dataclasses import dataclass
from types import CodeType

from posttrain.rewards.sandbox.adapt import adapt, catching_lines
from posttrain.rewards.sandbox.codec import TYPES
from posttrain.rewards.sandbox.names import GIVEN_NAMES, bound_names, read_names

SOLUTION_MODULES = frozenset({"solution", "main", "answer", "submission", "your_module", "candidate"})
"""Modules by which tests import the code."""

ALIASES = {"np": "numpy", "pd": "pandas"}
"""Names that tests use for modules without an import of their own."""

PLAIN_ATTRIBUTES = frozenset(
    name for kind in (*TYPES.values(), Generator, Coroutine) for name in (*dir(kind), "__name__", "__qualname__")
)
"""What tests can read of values that cross."""

CHANGING = frozenset({"add", "append", "appendleft", "insert", "pop", "popleft", "remove", "update"})
"""What tests call of containers, and of objects that are like them. None of it takes a wanted value."""

IDENTITY = (ast.Is, ast.IsNot)


class Unfit(Exception):
    """Tests that cannot be run apart from the code, or are no tests of it."""


@dataclass(frozen=True, slots=True)
class Suite:
    """Tests that are ready to run.

    Args:
        parts: the compiled texts; the file name of each is its key in `catching`.
        functions: names that stand for functions of the code.
        objects: those whose results the tests use as objects of the code.
        modules: names that the tests use without importing them → the module.
        catching: file name → first and last lines within which the tests may catch an exception.
    """

    parts: tuple[CodeType, ...]
    functions: frozenset[str]
    objects: frozenset[str]
    modules: dict[str, str]
    catching: dict[str, list[tuple[int, int]]]


def read(prompt: str, setup: str, tests: Sequence[str], entry_point: str | None) -> Suite:
    """Read the tests.

    Args:
        prompt: code whose names the tests may use; what itself leaves open does not matter.
        setup: code that runs before the tests.
        entry_point: the function's name; None: the names that setup and tests leave open.

    Raises:
        Unfit: the tests need more of the code than functions that take and return plain data.
        SyntaxError: they do not compile. Or ValueError, RecursionError, MemoryError.
    """
    texts = {"prompt": prompt, "setup": setup, **{f"test {n}": text for n, text in enumerate(tests, 1)}}
    trees = {name: ast.parse(text) for name, text in texts.items()}
    own = [trees[name] for name in texts if name != "prompt"]
    bound = set().union(*(bound_names(text) for text in texts.values()), *(_starred(tree) for tree in trees.values()))
    opened = set().union(*(read_names(text) for name, text in texts.items() if name != "prompt"))
    opened = opened - bound - GIVEN_NAMES
    imported = _from_solution(own)
    modules = {name: _module_of(name) for name in opened if _only_a_base(name, own) and _module_of(name)}
    for name in (name for tree in own for name in _imported(tree)):
        if importlib.util.find_spec(name) is None:
            raise Unfit(f"the tests import {name}, which is not there")
    functions = _functions((opened | imported) - set(modules), own, entry_point)
    if not functions:
        raise Unfit("the tests never call the code")
    objects = _objects(own, functions)
    catching = {name: list(catching_lines(tree)) for name, tree in trees.items()}
    parts = tuple(compile(adapt(tree), name, "exec") for name, tree in trees.items())
    return Suite(parts, frozenset(functions), frozenset(objects), modules, catching)


def _starred(tree: ast.Module) -> set[str]:
    """Names that `from module import *` brings."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*" and node.module not in SOLUTION_MODULES:
            try:
                names |= set(dir(importlib.import_module(node.module or "")))
            except Exception as error:
                raise Unfit(f"the tests import {node.module}, which is not there") from error
    return names


def _imported(node: ast.AST) -> Iterator[str]:
    """Packages that tests import come what may: outside `try` and `if`, and not the code's own."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Import(names=aliases):
                yield from {alias.name.split(".")[0] for alias in aliases} - SOLUTION_MODULES
            case ast.ImportFrom(module=str(name), level=0) if name not in SOLUTION_MODULES:
                yield name.split(".")[0]
            case ast.Try() | ast.If():
                pass
            case _:
                yield from _imported(child)


def _from_solution(trees: Sequence[ast.Module]) -> set[str]:
    """Names that the tests import from the code by a module's name, or read of that module."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    found: set[str] = set()
    modules: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module in SOLUTION_MODULES:
            found |= {alias.name for alias in node.names} - {"*"}
        elif isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name for alias in node.names if alias.name in SOLUTION_MODULES}
    bases = [node for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
    return found | {node.attr for node in bases if getattr(node.value, "id", "") in modules}


def _module_of(name: str) -> str:
    """The module that a name stands for; empty if none."""
    if name in sys.stdlib_module_names:
        return name
    module = ALIASES.get(name, "")
    return module if module and importlib.util.find_spec(module) else ""


def _only_a_base(name: str, trees: Sequence[ast.Module]) -> bool:
    """Whether a name is only read to take an attribute of it."""
    uses = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == name]
    return bool(uses) and len(uses) == len(_uses(trees, ast.Attribute, name))


def _uses(trees: Sequence[ast.Module], kind: type[ast.AST], name: str) -> list[ast.AST]:
    """The nodes of a kind that have the name as a direct child."""
    return [
        node
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, kind)
        for child in ast.iter_child_nodes(node)
        if isinstance(child, ast.Name) and child.id == name
    ]


def _functions(opened: set[str], trees: Sequence[ast.Module], entry_point: str | None) -> set[str]:
    """The names that stand for functions of the code."""
    for name in sorted(opened):
        if any(_uses(trees, kind, name) for kind in (ast.ExceptHandler, ast.ClassDef)) or any(
            _is_type_check(node) for node in _uses(trees, ast.Call, name)
        ):
            raise Unfit(f"the tests use `{name}`, a class of the code, which does not reach the tests")
        if not _uses(trees, ast.Call, name):
            if _uses(trees, ast.Attribute, name):
                raise Unfit(f"the tests read attributes of `{name}`, which only the code can define")
            if any(_uses(trees, kind, name) for kind in (ast.Compare, ast.BinOp, ast.Subscript)):
                raise Unfit(f"the tests use the value of `{name}`, which only the code can define")
    if entry_point is None:
        wanted = opened or _named_like_a_builtin(trees)
    elif others := sorted(opened - {entry_point, "candidate"}):
        raise Unfit(f"the tests use `{others[0]}`, which is neither the entry point nor defined by them")
    else:
        wanted = {entry_point, *(opened & {"candidate"})}
    return wanted


def _is_type_check(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("isinstance", "issubclass")


def _objects(trees: Sequence[ast.Module], functions: set[str]) -> set[str]:
    """The functions of whose results the tests read or set what no plain value has, at once or by a variable."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    holders = {
        ast.unparse(target): name
        for node in nodes
        if isinstance(node, ast.Assign) and (name := _called(node.value)) in functions
        for target in node.targets
    }

    def source(node: ast.AST) -> str:
        held = holders.get(ast.unparse(node), "") if isinstance(node, ast.Name | ast.Attribute) else ""
        return held or _called(node)

    attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
    objects = {source(node.value) for node in attributes if node.attr not in PLAIN_ATTRIBUTES} & functions
    for node in nodes:
        if isinstance(node, ast.BinOp) or (isinstance(node, ast.Compare) and not isinstance(node.ops[0], IDENTITY)):
            compared = {source(child) for child in ast.iter_child_nodes(node)} & objects
            if compared:
                raise Unfit(f"the tests compare what `{compared.pop()}` returns, which is an object of the code")
    return objects | ({source(node.value) for node in attributes if node.attr in CHANGING} & functions)


def _called(node: ast.AST) -> str:
    """The name of what a call calls; empty for anything else."""
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def _named_like_a_builtin(trees: Sequence[ast.Module]) -> set[str]:
    """Where tests call nothing but builtins, the one that all of them call."""
    called = [
        {
            node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in dir(builtins)
        }
        for tree in trees
    ]
    common = set.intersection(*filter(None, called)) if any(called) else set[str]()
    if len(common) > 1:
        raise Unfit(f"the tests call only {' and '.join(sorted(common))}; name the function with `entry_point`")
    return common
