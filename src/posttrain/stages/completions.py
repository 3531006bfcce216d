"""Now and then a prompt with what the policy wrote, shown in the terminal."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from posttrain.console import Screen

if TYPE_CHECKING:
    from posttrain.rollouts.types import Rollout

SHOWN = 4
"""Completions of the prompt that are shown: best and worst among them."""


def shower(every: int | None, rollouts: int, screen: Screen) -> "Callable[[int, Rollout], None]":
    """A function that is given each rollout, and shows a prompt of some.

    Args:
        every: rollouts between two that are shown; a tenth of all if None, 0 for none.
    """
    apart = max(1, rollouts // 10) if every is None else every

    def show(number: int, experience: "Rollout") -> None:
        if apart and number % apart == 0:
            screen.table(f"rollout {number + 1}: {experience.prompts[0].text}", _rows(experience))

    return show


def _rows(experience: "Rollout") -> list[tuple[str, ...]]:
    """Reward, its components and text of some completions of the first prompt, best first."""
    import numpy as np

    reward_K = np.nan_to_num(experience.reward_GK[0], nan=-np.inf)
    order = np.argsort(-reward_K, kind="stable").tolist()
    chosen = order if len(order) <= SHOWN else [*order[: SHOWN - 2], *order[-2:]]
    names = list(experience.components)
    rows = [("reward", *(names if len(names) > 1 else ()), "completion")]
    for k in chosen:
        parts = [f"{experience.components[name][0, k]:.3g}" for name in names] if len(names) > 1 else []
        rows.append((f"{experience.reward_GK[0, k]:.3g}", *parts, experience.texts[0][k]))
    return rows
