"""Mixtures of tasks: how often each task is drawn, and in which order.

p_t ∝ w_t · n_t^(1/T): T = 1 draws tasks by their size, T → ∞ draws all equally often. This is temperature-scaled
mixing (Raffel et al. 2020, arXiv:1910.10683, section 3.5.2).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


def draws(sizes: Sequence[int], weights: Sequence[float], temperature: float, total: int) -> list[int]:
    """The number of draws of each task among `total`: proportions rounded by the largest remainder."""
    share = np.asarray(weights, dtype=np.float64) * np.asarray(sizes, dtype=np.float64) ** (1.0 / temperature)
    exact = share / share.sum() * total
    count = np.floor(exact).astype(np.int64)
    by_remainder = np.argsort(count - exact, kind="stable")
    count[by_remainder[: total - int(count.sum())]] += 1
    return count.tolist()


def mixed_order(
    task_of: Sequence[int], weights: Sequence[float], temperature: float, seed: int, epoch: int
) -> list[int]:
    """The order of an epoch: as many draws as there are groups, each task as often as its share.

    All rows of a task are drawn before any is drawn again, also across epochs.

    Args:
        task_of: the number of each group's task, from 0; every task has at least one group.
        weights: the weight of each task.
    """
    tasks = np.asarray(task_of)
    members = [np.flatnonzero(tasks == t) for t in range(len(weights))]
    chosen: list[Counts] = []
    for t, count in enumerate(draws([len(m) for m in members], weights, temperature, len(tasks))):
        places = np.arange(epoch * count, (epoch + 1) * count)
        rounds = {int(r): _shuffled(members[t], seed, t, int(r)) for r in np.unique(places // len(members[t]))}
        chosen.extend(rounds[int(r)][places[places // len(members[t]) == r] % len(members[t])] for r in rounds)
    return np.random.default_rng([seed, epoch]).permutation(np.concatenate(chosen)).tolist()


def _shuffled(members: Counts, seed: int, task: int, round_number: int) -> Counts:
    return np.random.default_rng([seed, task, round_number]).permutation(members)
