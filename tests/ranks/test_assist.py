"""Work of the main process alone, in which the other ranks help."""

from collections.abc import Callable, Sequence

import pytest

from in_ranks import in_ranks
from posttrain.errors import RunError
from posttrain.ranks.assist import Call, assisted
from posttrain.ranks.exchange import gathered
from posttrain.ranks.group import is_main, rank


def tagged(items: Sequence[int], factor: int, done: Callable[[int], None]) -> list[tuple[int, int]]:
    done(len(items))
    return [(factor * item, rank()) for item in items]


def failing(items: Sequence[int], done: Callable[[int], None]) -> list[int]:
    if 3 in items:
        raise RunError("three")
    return list(items)


def work(call: Call) -> tuple[list[tuple[int, int]], list[int], bool]:
    assert is_main()
    seen: list[int] = []
    return call("tagged", [1, 2, 3], (10,), seen.append), seen, call("tagged", [], (1,), seen.append) == []


def help_with_work() -> object:
    return assisted({"tagged": tagged}, work), gathered(rank())


def test_each_rank_computes_a_share_and_every_rank_gets_the_result() -> None:
    results = in_ranks(2, help_with_work)
    assert results == [(([(10, 0), (20, 1), (30, 0)], [3], True), [0, 1])] * 2


def test_one_process_does_it_all() -> None:
    assert assisted({"tagged": tagged}, work) == ([(10, 0), (20, 0), (30, 0)], [3, 0], True)


def help_in_vain() -> str:
    with pytest.raises(RunError) as caught:
        assisted({"failing": failing}, lambda call: call("failing", [1, 2, 3, 4], (), lambda n: None))
    return f"{caught.value} {gathered(rank())}"


def test_an_error_of_a_share_ends_the_work_on_every_rank() -> None:
    assert in_ranks(2, help_in_vain) == ["three [0, 1]"] * 2
