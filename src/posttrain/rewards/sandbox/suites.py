"""Read the text of tests before it runs: the names that they expect of the code, and the lines where they catch.

The result depends on the row's tests alone, never on the tested code. So whether the tests can run apart from the code
is the same for every answer.
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
"""Names of modules from which tests import the code."""

ALIASES = {"np": "numpy", "pd": "pandas"}
"""Name → module, for names that tests use without importing them."""

PLAIN_ATTRIBUTES = frozenset(
    name for kind in (*TYPES.values(), Generator, Coroutine) for name in (*dir(kind), "__name__", "__qualname__")
)
"""Attributes of the types that cross."""

CHANGING = frozenset({"add", "append", "appendleft", "insert", "pop", "popleft", "remove", "update"})
"""Methods of containers that tests also call on objects. None of them compares with a right value."""

IDENTITY = (ast.Is, ast.IsNot)


class Unfit(Exception):
    """The tests cannot run apart from the code, or do not test it."""


@dataclass(frozen=True, slots=True)
class Suite:
    """Tests that are ready to run.

    Args:
        parts: the compiled texts; the file name of each is its key in `catching`.
        functions: names of functions of the code.
        objects: functions whose results the tests use as objects of the code.
        modules: name → module, for names that the tests use without importing them.
        catching: file name → (first, last) lines between which the tests may catch an exception.
    """

    parts: tuple[CodeType, ...]
    functions: frozenset[str]
    objects: frozenset[str]
    modules: dict[str, str]
    catching: dict[str, list[tuple[int, int]]]


def read_test_suite(prompt: str, setup: str, tests: Sequence[str], entry_point: str | None) -> Suite:
    """Read the tests.

    Args:
        prompt: code whose names the tests may use; names that it leaves undefined do not matter.
        setup: code that runs before the tests.
        entry_point: the function's name; None: the names that setup and tests leave undefined.

    Raises:
        Unfit: the tests need more of the code than functions that take and return plain data.
        SyntaxError: they do not compile; so do ValueError, RecursionError and MemoryError.
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
            raise Unfit(f"the tests import {name}, which is not installed")
    functions = _functions((opened | imported) - set(modules), own, entry_point)
    if not functions:
        raise Unfit("the tests never call the code")
    objects = _objects(own, functions)
    catching = {name: list(catching_lines(tree)) for name, tree in trees.items()}
    parts = tuple(compile(adapt(tree), name, "exec") for name, tree in trees.items())
    return Suite(parts, frozenset(functions), frozenset(objects), modules, catching)


def _starred(tree: ast.Module) -> set[str]:
    """Names that `from module import *` binds."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*" and node.module not in SOLUTION_MODULES:
            try:
                names |= set(dir(importlib.import_module(node.module or "")))
            except Exception as error:
                raise Unfit(f"the tests import {node.module}, which is not installed") from error
    return names


def _imported(node: ast.AST) -> Iterator[str]:
    """Packages that tests always import: outside of `try` and `if`, and not from the code."""
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
    """Names that the tests import from a module of the code, or read as its attributes."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names: set[str] = set()
    modules: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module in SOLUTION_MODULES:
            names |= {alias.name for alias in node.names} - {"*"}
        elif isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name for alias in node.names if alias.name in SOLUTION_MODULES}
    bases = [node for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
    return names | {node.attr for node in bases if getattr(node.value, "id", "") in modules}


def _module_of(name: str) -> str:
    """The module that a name means; empty where it means none."""
    if name in sys.stdlib_module_names:
        return name
    module = ALIASES.get(name, "")
    return module if module and importlib.util.find_spec(module) else ""


def _only_a_base(name: str, trees: Sequence[ast.Module]) -> bool:
    """Whether the tests use a name only to read its attributes."""
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
    """The names of functions of the code among undefined names.

    Raises:
        Unfit: the tests use one in a way that needs the code in their own process.
    """
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
    """Functions whose results the tests use as objects: they read or set attributes that no plain value has."""
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
    """The name of the function that a call calls; empty for anything else."""
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def _named_like_a_builtin(trees: Sequence[ast.Module]) -> set[str]:
    """The builtin that all tests call, where they call nothing but builtins."""
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
