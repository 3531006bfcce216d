"""Terminal output of a prompt with its completions, every few rollouts."""

from collections.abc import Callable

import numpy as np

from posttrain.console import Screen
from posttrain.rollouts.types import Rollout

SHOWN = 4
"""The number of completions shown: the best and the worst ones."""


def shower(every: int | None, rollouts: int, screen: Screen) -> Callable[[int, Rollout], None]:
    """A function that receives each rollout, and shows the first prompt of every few rollouts.

    Args:
        every: the interval, in rollouts; None shows about ten rollouts in all, 0 none.
        rollouts: the number of rollouts of the stage.
    """
    apart = max(1, rollouts // 10) if every is None else every

    def show(number: int, rollout: Rollout) -> None:
        if apart and number % apart == 0:
            screen.table(f"rollout {number + 1}: {rollout.prompts[0].text}", _rows(rollout))

    return show


def _rows(rollout: Rollout) -> list[tuple[str, ...]]:
    """The reward, its components and the text of `SHOWN` completions of the first prompt, best first."""
    reward_K = np.nan_to_num(rollout.reward_GK[0], nan=-np.inf)
    order = np.argsort(-reward_K, kind="stable").tolist()
    chosen = order if len(order) <= SHOWN else [*order[: SHOWN - 2], *order[-2:]]
    names = list(rollout.components)
    rows = [("reward", *(names if len(names) > 1 else ()), "completion")]
    for k in chosen:
        parts = [f"{rollout.components[name][0, k]:.3g}" for name in names] if len(names) > 1 else []
        rows.append((f"{rollout.reward_GK[0, k]:.3g}", *parts, rollout.texts[0][k]))
    return rows
