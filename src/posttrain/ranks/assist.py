"""Work of the main process alone, in which the other ranks help with some of the computing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from posttrain.errors import InputError, LostRank, RunError
from posttrain.ranks.exchange import on_main, spread, tried
from posttrain.ranks.group import is_main, parallel, size

A = TypeVar("A")

OnDone = Callable[[int], None]
"""Called with the number of items that are done."""

Function = Callable[..., Sequence[Any]]
"""(items, further arguments, on_done) → a result for each of the items."""

Call = Callable[[str, Sequence[Any], tuple[Any, ...], OnDone], list[Any]]
"""(name of a function, items, further arguments, on_done) → a result for each of the items."""


def assisted(functions: Mapping[str, Function], work: Callable[[Call], A]) -> A:
    """Do `work` on the main process; each rank computes its share of the items of a call. Every rank gets the result.

    Args:
        functions: what `work` may call, by name. Items and arguments must be picklable.

    Raises:
        InputError, RunError: those of the work or of a function, on every rank.
    """
    ranks = size()
    if ranks == 1:
        return work(lambda name, items, arguments, done: list(functions[name](items, *arguments, done)))
    if not is_main():
        while (request := on_main(_nothing)) is not None:
            try:
                _compute(functions, *request)
            except LostRank:
                raise
            except (InputError, RunError):  # the main process, which has it too, decides what it means
                continue
        return on_main(_nothing)  # pyright: ignore[reportReturnType]

    def call(name: str, items: Sequence[Any], arguments: tuple[Any, ...], done: OnDone) -> list[Any]:
        with parallel():
            on_main(lambda: (name, items, arguments))
            return _compute(functions, name, items, arguments, lambda n: done(min(len(items), n * ranks)))

    outcome = tried(lambda: work(call))
    on_main(_nothing)
    return on_main(lambda: _result(outcome))


def _compute(
    functions: Mapping[str, Function],
    name: str,
    items: Sequence[Any],
    arguments: tuple[Any, ...],
    done: OnDone = lambda n: None,
) -> list[Any]:
    return spread(items, lambda part: functions[name](part, *arguments, done))


def _nothing() -> Any:
    return None


def _result(outcome: tuple[A | None, Exception | None]) -> A:
    result, error = outcome
    if error is not None:
        raise error
    return result  # pyright: ignore[reportReturnType]
