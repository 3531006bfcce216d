"""The user's own reward: a function in a Python file that the recipe names.

Either of one completion, ``(completion: str, row: dict) -> float | None``, or of all at once, as TRL's,
``(completions: list[str], **columns: list) -> list[float | None]``: told apart by a parameter named ``completions``.
Both may be ``async``. Instead of None, which says that the reward does not apply, both may give
``posttrain.rewards.types.NotApplicable("why")``: the run counts these by their reason.
"""

import asyncio
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from posttrain.errors import InputError
from posttrain.files import hash_of
from posttrain.rewards.interrupts import from_user, noticed
from posttrain.rewards.types import Batch, Failed, RewardOptions, Row, Verdict, each, failed


class PythonReward(RewardOptions):
    """A function of your own: `def my_reward(completion, row)`, or `def my_reward(completions, **columns)`."""

    kind: Literal["python"]
    file: str = Field(min_length=1, description="Python file, relative to the recipe's folder; it is run as it is")
    function: str = Field(min_length=1, description="its function that scores")


def build(options: PythonReward, base: Path) -> Batch:
    """One score a completion.

    Raises:
        InputError: no such file or function, an error while importing it, or parameters that are neither form.
    """
    path = (base / options.file).absolute()
    function = load(path, options.function)
    parameters = inspect.signature(function).parameters
    if "completions" in parameters:
        return _all_at_once(function, parameters)
    try:
        inspect.signature(function).bind("", {})
    except TypeError:
        raise InputError(
            f"{_place(function, path)}: {options.function}{inspect.signature(function)} cannot score: write "
            f"{options.function}(completion, row) for one completion, or {options.function}(completions, **columns) "
            "for all of them"
        ) from None
    if inspect.iscoroutinefunction(function):
        return _concurrently(function)
    return each(lambda completion, row: function(completion, dict(row)))


def load(path: Path, name: str) -> Callable[..., Any]:
    """The function of that name in a file. Modules beside the file can be imported by it.

    Raises:
        InputError: see `build`.
    """
    if not path.is_file():
        raise InputError(f"file: {path} is no file")
    title = f"posttrain_reward_{path.stem}_{hash_of(str(path))[:8]}"
    spec = importlib.util.spec_from_file_location(title, path)
    if spec is None or spec.loader is None:
        raise InputError(f"file: {path} is no Python file (its name should end in .py)")
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # at the end: what is installed goes first
    module = importlib.util.module_from_spec(spec)
    sys.modules[title] = module
    try:
        with noticed():
            spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[title]
        if from_user(error):
            raise
        raise InputError(f"{path}:{_line(error, path)}: {type(error).__name__}: {_said(error)}") from error
    function = getattr(module, name, None)
    if not callable(function):
        own = [n for n, value in vars(module).items() if inspect.isfunction(value) and value.__module__ == title]
        raise InputError(f"function: {path} has no function {name} (it has {', '.join(own) or 'none'})")
    return function


def _all_at_once(function: Callable[..., Any], parameters: Mapping[str, inspect.Parameter]) -> Batch:
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    named = {n: p for n, p in parameters.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    required = [name for name, p in named.items() if p.default is p.empty]

    def run(completions: Sequence[str], rows: Sequence[Row]) -> Sequence[Verdict | Failed]:
        names = dict.fromkeys(name for row in rows for name in row)
        columns: dict[str, list[Any]] = {name: [row.get(name) for row in rows] for name in names}
        if "prompt" in columns:
            columns["prompts"] = columns.pop("prompt") if "prompt" not in parameters else columns["prompt"]
        columns["completions"] = list(completions)
        missing = [name for name in required if name not in columns]
        if missing:
            raise InputError(f"it takes {missing[0]}, and no row has such a column (rows have {', '.join(names)})")
        given = {n: values for n, values in columns.items() if takes_all or n in named}
        result = function(**given)
        return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result

    return run


def _concurrently(function: Callable[..., Any]) -> Batch:
    async def one(completion: str, row: Row) -> Verdict | Failed:
        try:
            return await function(completion, dict(row))
        except BaseException as error:
            return failed(error)

    async def all_of(completions: Sequence[str], rows: Sequence[Row]) -> list[Verdict | Failed]:
        return await asyncio.gather(*(one(c, r) for c, r in zip(completions, rows, strict=True)))

    return lambda completions, rows: asyncio.run(all_of(completions, rows))


async def _awaited(result: Any) -> Any:
    return await result


def _place(function: Callable[..., Any], path: Path) -> str:
    code = getattr(function, "__code__", None)
    return f"{path}:{code.co_firstlineno}" if code else str(path)


def _line(error: BaseException, path: Path) -> int:
    """Where in the file it went wrong: the statement that failed, or the broken syntax."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno or 1
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return (lines[-1] if lines else None) or 1


def _said(error: BaseException) -> str:
    return error.msg if isinstance(error, SyntaxError) else str(error)
