"""The groups of each optimiser step: a pure function of the step's number, so that a resumed run needs no state.

`DatasetBatches` reads a data set. In on-policy stages the policy generates the groups; see ``rollouts/source.py``.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from posttrain.core.group import Group


class BatchSource(Protocol):
    """A source of groups, as the training loop uses it."""

    def step(self, number: int, /) -> list[Group]:
        """The groups of optimiser step `number`, counted from 0. Steps are read in order, from any step on."""
        ...

    def total(self, epochs: float, /) -> int:
        """The number of steps in `epochs` epochs."""
        ...

    def metrics(self, number: int, /) -> Mapping[str, float | None]:
        """Metrics of the step's groups; the log has them in addition to the objective's metrics."""
        ...

    def discard_before(self, step: int, /) -> None:
        """Free data that only earlier steps need. No earlier step will be read again."""
        ...


class Indexed(Protocol):
    """Groups that can be read in any order."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Group: ...


Order = Callable[[int], Sequence[int]]
"""epoch → the indices of its groups, in order."""


def shuffled(count: int, seed: int) -> Order:
    """An order in which every index comes once per epoch; (seed, epoch) determines it."""
    return lambda epoch: np.random.default_rng([seed, epoch]).permutation(count).tolist()


@dataclass(frozen=True)
class DatasetBatches:
    """A data set, cut into optimiser steps. Either `batch_size` or `batch_tokens` is set.

    Args:
        groups: the data.
        sizes: tokens of each group.
        order: the order of each epoch.
        batch_size: the groups per step; the last step of an epoch may have fewer.
        batch_tokens: the largest number of tokens per step; a longer group is a step of its own.
    """

    groups: Indexed
    sizes: Sequence[int]
    order: Order
    batch_size: int | None = None
    batch_tokens: int | None = None

    def steps_of(self, epoch: int) -> list[list[int]]:
        """The indices of the groups of each step of an epoch."""
        return _cached_steps(self, epoch)

    def step(self, number: int) -> list[Group]:
        """The groups of optimiser step `number`, counted from 0 over all epochs."""
        epoch = 0
        while number >= len(steps := self.steps_of(epoch)):
            number -= len(steps)
            epoch += 1
        return [self.groups[i] for i in steps[number]]

    def total(self, epochs: float) -> int:
        """The number of steps in `epochs` epochs. A fraction of an epoch is rounded up to whole steps."""
        whole = int(epochs)
        steps = sum(len(self.steps_of(epoch)) for epoch in range(whole))
        rest = epochs - whole
        return steps + (int(np.ceil(rest * len(self.steps_of(whole)))) if rest else 0)

    def metrics(self, number: int) -> Mapping[str, float | None]:
        """Return no metrics, since a data set does not change."""
        return {}

    def discard_before(self, step: int) -> None:
        """Do nothing, since no step keeps data."""

    def __hash__(self) -> int:
        return id(self)


@lru_cache(maxsize=4)
def _cached_steps(source: DatasetBatches, epoch: int) -> list[list[int]]:
    order = list(source.order(epoch))
    if source.batch_size is not None:
        return [order[i : i + source.batch_size] for i in range(0, len(order), source.batch_size)]
    assert source.batch_tokens is not None
    ends = np.cumsum([source.sizes[i] for i in order])
    steps: list[list[int]] = []
    start = 0
    while start < len(order):
        used = ends[start - 1] if start else 0
        end = max(start + 1, bisect_right(ends, used + source.batch_tokens))
        steps.append(order[start:end])
        start = end
    return steps
