"""Work and values over ranks: results come in order, errors reach every rank, gradients add up to the same bits."""

import os
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import pytest
import torch

from in_ranks import in_ranks
from posttrain.errors import InputError, RunError
from posttrain.ranks.exchange import gathered, main_first, on_main, same_everywhere, share, spread, sum_gradients
from posttrain.ranks.group import alone, is_main, rank, size


def squares(part: Sequence[int]) -> list[int]:
    assert size() == 1, "a rank's share is its own"
    return [number * number for number in part]


def refuse_seven(part: Sequence[int]) -> list[int]:
    if 7 in part:
        raise InputError("seven")
    return list(part)


def exchanged() -> list[object]:
    return [
        gathered(rank()),
        spread(list(range(7)), squares),
        spread([5], squares),
        spread([], squares),
        sorted(chain.from_iterable(gathered(share([1, 2, 3, 4, 5])))),
        on_main(lambda: rank() + 10),
    ]


@pytest.mark.parametrize("count", [2, 3])
def test_every_rank_gets_all_results_in_order(count: int) -> None:
    expected = [list(range(count)), [0, 1, 4, 9, 16, 25, 36], [25], [], [1, 2, 3, 4, 5], 10]
    assert in_ranks(count, exchanged) == [expected] * count


def test_one_process_alone_does_all_the_work() -> None:
    assert exchanged() == [[0], [0, 1, 4, 9, 16, 25, 36], [25], [], [1, 2, 3, 4, 5], 10]


def wrong_share() -> str:
    with pytest.raises(InputError) as caught:
        spread([6, 7, 8], refuse_seven)
    with pytest.raises(RunError):
        on_main(fail)
    return f"{caught.value}, and then {gathered('all go on')}"


def fail() -> None:
    raise RunError("on the main process")


def test_an_error_of_one_rank_is_raised_on_every_rank_and_nobody_waits() -> None:
    assert in_ranks(2, wrong_share) == ["seven, and then ['all go on', 'all go on']"] * 2


def written_first(folder: Path) -> tuple[str, int]:
    """The main process makes a file; the other one finds it."""
    path = folder / "made"

    def make() -> str:
        assert path.exists() != is_main()
        path.touch()
        return path.read_text()

    return main_first(make), size()


def test_the_others_come_after_the_main_process(tmp_path: Path) -> None:
    assert in_ranks(3, written_first, tmp_path) == [("", 3)] * 3


def summed() -> list[bytes]:
    torch.manual_seed(rank())
    parameters = [torch.nn.Parameter(torch.zeros(n)) for n in (3, 1, 5)]
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    parameters[1].grad = torch.zeros(1)
    own = [p.grad.clone() for p in parameters if p.grad is not None]
    sum_gradients(parameters)
    expected = [sum(parts) for parts in zip(*gathered(own), strict=True)]
    assert all(torch.allclose(p.grad, e) for p, e in zip(parameters, expected, strict=True) if p.grad is not None)
    with alone():
        sum_gradients(parameters)  # of one rank, nothing changes
    return [p.grad.numpy().tobytes() for p in parameters if p.grad is not None]


def test_gradients_add_up_to_the_same_bits_on_every_rank() -> None:
    one, two, three = in_ranks(3, summed)
    assert one == two == three


def test_gradients_larger_than_a_bucket_add_up_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUCKET", "2")
    one, two = in_ranks(2, summed_in_small_buckets)
    assert one == two


def summed_in_small_buckets() -> list[bytes]:
    from posttrain.ranks import exchange

    exchange.BUCKET = int(os.environ["BUCKET"])
    return summed()


def different() -> None:
    same_everywhere("the weights", "a")
    same_everywhere("the weights", "b" if rank() == 1 else "a")


def test_ranks_that_drift_apart_are_found() -> None:
    errors = in_ranks(3, different)
    assert {str(error)[:45] for error in errors} == {"the weights of rank 1 differ from those of ra"}


def leave(slow: bool) -> None:
    gathered(0)  # all have joined: a rank that ends earlier cannot be reached, which is another error
    if rank() == 1:
        if slow:
            time.sleep(6)
        return
    gathered(1)


@pytest.mark.parametrize("slow", [False, True])
def test_a_rank_that_does_not_answer_is_named(slow: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTTRAIN_RANK_TIMEOUT", "3")
    errors = in_ranks(3, leave, slow)
    assert errors[1] is None
    assert all(isinstance(errors[n], RunError) and "rank 1 does not answer" in str(errors[n]) for n in (0, 2))
