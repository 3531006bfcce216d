"""The batch source of on-policy stages: it makes rollouts, and divides each into optimiser steps.

Step n belongs to rollout n // (minibatches * inner_epochs). A rollout is made with the current weights when its first
step is requested. It is saved before that step, together with the state for the next rollout. So a run that is killed
in the middle of a rollout resumes with the same groups.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from pathlib import Path

import numpy as np

from posttrain.core.group import Group
from posttrain.files import is_sound
from posttrain.ranks.exchange import on_main
from posttrain.ranks.group import is_main
from posttrain.rollouts import store
from posttrain.rollouts.types import Metrics, RolloutState

Make = Callable[[int, RolloutState], tuple[list[Group], Metrics, RolloutState]]
"""(number of the rollout, state from the previous one) → its groups, its metrics, and the state for the next one."""


def rollouts_in(epochs: float, prompts: int, size: int) -> int:
    """The number of rollouts of `size` prompts that draw every prompt `epochs` times."""
    return ceil(epochs * prompts / size)


@dataclass(slots=True)
class Rollouts:
    """The groups of each optimiser step, from completions that the policy generated.

    Args:
        make: generates a rollout, scores it and adds advantages.
        prompts: number of prompts to draw from.
        batch_size: groups per optimiser step.
        minibatches: optimiser steps in one pass over a rollout.
        inner_epochs: passes over each rollout.
        folder: the folder of the saved rollouts.
        seed: the seed of the order of groups within a rollout.
        start: the state for the first rollout.
    """

    make: Make
    prompts: int
    batch_size: int
    minibatches: int
    inner_epochs: int
    folder: Path
    seed: int
    start: RolloutState
    _current: tuple[int, list[Group]] | None = field(default=None, init=False)

    @property
    def size(self) -> int:
        """The number of prompts in a rollout."""
        return self.batch_size * self.minibatches

    @property
    def steps_each(self) -> int:
        """The number of optimiser steps in a rollout."""
        return self.minibatches * self.inner_epochs

    def total(self, epochs: float) -> int:
        """The number of optimiser steps for `epochs` passes over the prompts, rounded up to whole rollouts."""
        return rollouts_in(epochs, self.prompts, self.size) * self.steps_each

    def step(self, number: int) -> list[Group]:
        """The groups of optimiser step `number`; a missing rollout is made at its first step."""
        rollout, within = divmod(number, self.steps_each)
        epoch, part = divmod(within, self.minibatches)
        groups = self._groups(rollout, first=within == 0)
        order = np.random.default_rng([self.seed, rollout, epoch]).permutation(len(groups))
        return [groups[i] for i in np.array_split(order, self.minibatches)[part]]

    def metrics(self, number: int) -> Metrics:
        """The rollout's metrics if step `number` is its first step; else nothing."""
        rollout, within = divmod(number, self.steps_each)
        return {} if within else store.metrics_in(store.rollout_folder(self.folder, rollout))

    def discard_before(self, step: int) -> None:
        """Delete the rollouts that steps from `step` on do not need; the last one stays, since it holds the state."""
        if is_main():
            store.discard_before(self.folder, (step - 1) // self.steps_each)

    def _groups(self, rollout: int, *, first: bool) -> list[Group]:
        """The groups of a rollout. With `first`, a rollout that is missing or damaged on disk is made."""
        if self._current is None or self._current[0] != rollout:
            place = store.rollout_folder(self.folder, rollout)
            if first and not on_main(partial(is_sound, place)):
                before = store.rollout_folder(self.folder, rollout - 1)
                if rollout:
                    store.check(before)
                state = store.state_in(before) if rollout else self.start
                groups, measured, state = self.make(rollout, state)
                on_main(partial(store.save, place, groups, measured, state))
            store.check(place)
            self._current = rollout, store.groups_in(place)
        return self._current[1]
