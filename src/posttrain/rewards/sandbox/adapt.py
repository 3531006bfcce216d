"""Rewrite tests so that they run apart from the code, and find the lines where they may catch its exceptions."""

import ast
from collections.abc import Iterator

STOPPED, IN_PLACE, CAUGHT, FINISHED = "__stopped__", "__in_place__", "__caught__", "__finished__"
"""Names in the rewritten tests: of `CodeStopIteration`; of the function through which a call that is a statement goes;
of the function that records that the tests caught an exception; of the function that looks for a lost exception."""


class CodeStopIteration(RuntimeError):
    """A StopIteration of the code, of a type that ends no loop, `map` or `next` of the tests."""


CodeStopIteration.__name__ = CodeStopIteration.__qualname__ = "StopIteration"


def catching_lines(tree: ast.Module) -> Iterator[tuple[int, int]]:
    """(first, last) lines between which the tests may catch an exception."""
    for node in ast.walk(tree):
        match node:
            case (
                ast.Try(handlers=[_, *_], body=body)
                | ast.TryStar(body=body)
                | ast.With(body=body)
                | ast.AsyncWith(body=body)
            ):
                yield body[0].lineno, body[-1].end_lineno or body[-1].lineno
            case ast.Call() if _raises(node):
                yield node.lineno, node.end_lineno or node.lineno
            case _:
                pass


def _raises(node: ast.Call) -> bool:
    """Whether the call is one of ``assertRaises``, ``pytest.raises``, ``suppress`` or the like."""
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    return "raises" in name.lower() or name == "suppress"


def adapt(tree: ast.Module) -> ast.Module:
    """Rewrite tests for a process of their own.

    - A handler of StopIteration also catches `CodeStopIteration`.
    - A call that is a statement goes through `IN_PLACE`: the tests can see only what it does to its arguments.
    - A handler begins with `CAUGHT`, and a `with` or a call like `assertRaises` is followed by it. The body of a `with`
      ends with `FINISHED`.
    """
    return ast.fix_missing_locations(_Adapted().visit(tree))


class _Adapted(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name):
            node.value.func = ast.Call(ast.Name(IN_PLACE, ast.Load()), [node.value.func], [])
        return node

    def visit_With(self, node: ast.With) -> list[ast.AST]:
        return self._followed(node)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> list[ast.AST]:
        return self._followed(node)

    def _followed(self, node: ast.With | ast.AsyncWith) -> list[ast.AST]:
        self.generic_visit(node)
        node.body.append(ast.Expr(ast.Call(ast.Name(FINISHED, ast.Load()), [], [])))
        return [node, ast.Expr(_caught(ast.Constant(None)))]

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, ast.Expr(_caught(ast.Constant(None))))
        kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        if node.type is not None and any(_is_stop(kind) for kind in kinds):
            node.type = ast.Tuple([*(kind for kind in kinds if kind), ast.Name(STOPPED, ast.Load())], ast.Load())
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if _raises(node):
            both = ast.Tuple([ast.Name("StopIteration", ast.Load()), ast.Name(STOPPED, ast.Load())], ast.Load())
            node.args = [both if _is_stop(argument) else argument for argument in node.args]
            return _caught(node)
        return node


def _caught(value: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(CAUGHT, ast.Load()), [value], [])


def _is_stop(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Name) and node.id in ("StopIteration", "StopAsyncIteration")
