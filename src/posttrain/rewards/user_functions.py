"""Reward functions that users write, in any of four forms, as functions of completions and rows.

A function scores either one completion, ``(completion: str, row: dict) -> float | None``, or all of them, as TRL's do,
``(completions: list[str], **columns: list) -> list[float | None]``. The parameter name ``completions`` marks the second
form. Both may be ``async``. None means that the reward does not apply; ``NotApplicable("why")`` in its place also gives
the reason, by which the run counts.
"""

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from posttrain.errors import InputError
from posttrain.rewards.types import Failed, RewardFn, Row, Verdict, failure_of, per_completion


def adapt_function(function: Callable[..., Any], name: str, place: str) -> RewardFn:
    """The function as one of completions and rows.

    Args:
        name: of the function.
        place: its file and line, for messages.

    Raises:
        InputError: the parameters are of neither form.
    """
    signature = inspect.signature(function)
    if "completions" in signature.parameters:
        return _all_at_once(function, signature.parameters)
    try:
        signature.bind("", {})
    except TypeError:
        raise InputError(
            f"{place}: {name}{signature} cannot score: write {name}(completion, row) for one completion, or "
            f"{name}(completions, **columns) for all of them"
        ) from None
    if inspect.iscoroutinefunction(function):
        return _concurrently(function)
    return per_completion(lambda completion, row: function(completion, dict(row)))


def _all_at_once(function: Callable[..., Any], parameters: Mapping[str, inspect.Parameter]) -> RewardFn:
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
        arguments = {n: values for n, values in columns.items() if takes_all or n in named}
        result = function(**arguments)
        return _finished(_await(result)) if inspect.isawaitable(result) else result

    return run


def _concurrently(function: Callable[..., Any]) -> RewardFn:
    async def score_one(completion: str, row: Row) -> Verdict | Failed:
        try:
            return await function(completion, dict(row))
        except BaseException as error:
            return failure_of(error)

    async def score_all(completions: Sequence[str], rows: Sequence[Row]) -> list[Verdict | Failed]:
        return await asyncio.gather(*(score_one(c, r) for c, r in zip(completions, rows, strict=True)))

    return lambda completions, rows: _finished(score_all(completions, rows))


def _finished(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine. In a notebook a loop runs already in this thread, so another thread runs this one."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


async def _await(result: Any) -> Any:
    return await result
