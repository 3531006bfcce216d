"""The source of on-policy stages: rollout after rollout, each cut into the optimiser steps that learn from it.

Step n belongs to rollout n // (minibatches * inner_epochs). A rollout is made when its first step is requested, by
the weights as they then are, and written to disk before that step: so a run that is killed in the middle of one goes
on with the same groups, and everything that moves between rollouts lies beside them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

import numpy as np

from posttrain.core.group import Group
from posttrain.files import is_sound
from posttrain.rollouts import store
from posttrain.rollouts.types import Metrics, RolloutState

Make = Callable[[int, RolloutState], tuple[list[Group], Metrics, RolloutState]]
"""(rollout's number, what the one before handed on) → its groups, metrics, and what it hands on."""


def rollouts_in(epochs: float, prompts: int, size: int) -> int:
    """Rollouts of `size` prompts until all were drawn so many times."""
    return ceil(epochs * prompts / size)


@dataclass(slots=True)
class Rollouts:
    """Groups the policy wrote, by optimiser step.

    Args:
        make: writes, scores and credits a rollout.
        prompts: how many there are to draw from.
        batch_size: groups an optimiser step.
        minibatches: optimiser steps a rollout is cut into.
        inner_epochs: how often each group of a rollout is learnt from.
        folder: takes the rollouts.
        seed: of the order of minibatches.
        start: what the first rollout is handed.
    """

    make: Make
    prompts: int
    batch_size: int
    minibatches: int
    inner_epochs: int
    folder: Path
    seed: int
    start: RolloutState
    _now: tuple[int, list[Group]] | None = field(default=None, init=False)

    @property
    def size(self) -> int:
        """Prompts of a rollout."""
        return self.batch_size * self.minibatches

    @property
    def steps_each(self) -> int:
        """Optimiser steps of a rollout."""
        return self.minibatches * self.inner_epochs

    def total(self, epochs: float) -> int:
        """Optimiser steps until all prompts were drawn so many times, whole rollouts."""
        return rollouts_in(epochs, self.prompts, self.size) * self.steps_each

    def step(self, number: int) -> list[Group]:
        """The groups of optimiser step `number`; makes the rollout if it is not there."""
        rollout, within = divmod(number, self.steps_each)
        epoch, part = divmod(within, self.minibatches)
        groups = self._groups(rollout, first=within == 0)
        order = np.random.default_rng([self.seed, rollout, epoch]).permutation(len(groups))
        return [groups[i] for i in np.array_split(order, self.minibatches)[part]]

    def metrics(self, number: int) -> Metrics:
        """The rollout's metrics, at its first step."""
        rollout, within = divmod(number, self.steps_each)
        return {} if within else store.metrics_in(store.rollout_folder(self.folder, rollout))

    def discard_before(self, step: int) -> None:
        """Delete the rollouts that no step from `step` on needs; the last one before it hands on its state."""
        store.discard_before(self.folder, (step - 1) // self.steps_each)

    def _groups(self, rollout: int, *, first: bool) -> list[Group]:
        """The groups of a rollout; at its first step it is made, unless it lies there whole."""
        if self._now is None or self._now[0] != rollout:
            place = store.rollout_folder(self.folder, rollout)
            if first and not is_sound(place):
                before = store.rollout_folder(self.folder, rollout - 1)
                if rollout:
                    store.check(before)
                state = store.state_in(before) if rollout else self.start
                groups, measured, state = self.make(rollout, state)
                store.save(place, groups, measured, state)
            store.check(place)
            self._now = rollout, store.groups_in(place)
        return self._now[1]
