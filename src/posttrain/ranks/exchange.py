"""Work and values over the ranks of a run. With one rank, each function is a plain call."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from posttrain.errors import InputError, RunError, first_line
from posttrain.ranks.group import alone, is_main, lost_ranks, rank, size, wait_for_main

A = TypeVar("A")
B = TypeVar("B")

BUCKET = 1 << 22
"""The number of values of a gradient bucket, 16 MiB in float32. Its copy and that of the exchange take memory."""


def gathered(value: A) -> list[A]:
    """The value of every rank, in the order of ranks."""
    if size() == 1:
        return [value]
    values: list[A] = [value] * size()
    with lost_ranks():
        dist.all_gather_object(values, value)
    return values


def on_main(work: Callable[[], A]) -> A:
    """Do something on the main process alone; every rank gets the result. The others wait as long as it takes.

    Raises:
        InputError, RunError: those of the work, on every rank.
    """
    if size() == 1:
        return work()
    outcome = tried(work) if is_main() else None
    wait_for_main()
    result, error = gathered(outcome)[0] or (None, None)
    if error is not None:
        raise error
    return result  # pyright: ignore[reportReturnType]


def main_first(work: Callable[[], A]) -> A:
    """Do something on the main process, then on the other ranks, which find the files that it left.

    Raises:
        InputError, RunError: those of the main process, on every rank.
    """
    if size() == 1:
        return work()
    made: list[A] = []
    on_main(lambda: made.append(work()))
    if made:
        return made[0]
    with alone():
        return work()


def same_everywhere(what: str, value: str) -> None:
    """Check that every rank has the same value.

    Raises:
        RunError: they differ.
    """
    values = gathered(value)
    if other := [str(number) for number, one in enumerate(values) if one != values[0]]:
        raise RunError(
            f"{what} of rank {', '.join(other)} differ from those of rank 0, so the ranks no longer train one model. "
            "The last checkpoint is kept; check that all machines have the same libraries and data"
        )


def spread(items: Sequence[A], work: Callable[[Sequence[A]], Sequence[B]]) -> list[B]:
    """Apply `work` to the items, each rank to its share; every rank gets all results, in the order of the items.

    Args:
        work: returns a result for each of the items it is given. It runs alone: it must not wait for other ranks.

    Raises:
        InputError, RunError: the first one, by rank, on every rank.
    """
    ranks = size()
    if ranks == 1:
        return list(work(items))
    mine = items[rank() :: ranks]
    outcomes = gathered(tried(lambda: list(work(mine)) if mine else []))
    for _, error in outcomes:
        if error is not None:
            raise error
    results: list[B | None] = [None] * len(items)
    for number, (part, _) in enumerate(outcomes):
        results[number::ranks] = part or []
    return results  # pyright: ignore[reportReturnType]


def tried(work: Callable[[], A]) -> tuple[A | None, InputError | RunError | None]:
    """The result of some work that a rank does alone, or the error that ended it."""
    with alone():
        try:
            return work(), None
        except (InputError, RunError) as error:
            return None, error
        except (MemoryError, torch.OutOfMemoryError) as error:
            return None, RunError(f"out of memory on rank {rank()}: {first_line(error)}")


def share(items: Sequence[A]) -> Sequence[A]:
    """The items of this rank: every `size`-th one."""
    return items[rank() :: size()] if size() > 1 else items


def sum_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Add up the gradients of all ranks, in place. Every rank then has the same bits."""
    if size() == 1:
        return
    for bucket in _buckets([p.grad for p in parameters if p.grad is not None]):
        if len(bucket) == 1 and bucket[0].is_contiguous():  # perhaps a large one, which needs no copy
            with lost_ranks():
                dist.all_reduce(bucket[0])
            continue
        flat = torch.cat([gradient.reshape(-1) for gradient in bucket])
        with lost_ranks():
            dist.all_reduce(flat)
        for gradient, total in zip(bucket, flat.split([g.numel() for g in bucket]), strict=True):
            gradient.copy_(total.view_as(gradient))


def _buckets(gradients: Sequence[Tensor]) -> list[list[Tensor]]:
    """Neighbouring gradients of one dtype, with at most `BUCKET` values unless one is larger."""
    buckets: list[list[Tensor]] = []
    count = 0
    for gradient in gradients:
        count += gradient.numel()
        if not buckets or count > BUCKET or buckets[-1][0].dtype != gradient.dtype:
            buckets.append([])
            count = gradient.numel()
        buckets[-1].append(gradient)
    return buckets
