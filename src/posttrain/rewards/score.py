"""Score completions by several rewards: a weighted sum, every component, and what went wrong, by row and name."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posttrain.errors import InputError, RunError
from posttrain.rewards.kinds import KINDS, NEEDS_TOKENS
from posttrain.rewards.types import Batch, Failed, RewardOptions, Row, Score, reason_of

SHOWN = 3
"""Failures quoted when too many stop the run."""


@dataclass(frozen=True, slots=True)
class Reward:
    """A reward ready to score, and its weight in the sum."""

    batch: Batch
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Scored:
    """What a batch of completions was worth.

    Args:
        total: the weighted sum over the rewards that apply, a completion each; None where none does.
        components: each reward's own scores, unweighted.
        failures: sentences, each with row and reward.
    """

    total: tuple[Score, ...]
    components: Mapping[str, tuple[Score, ...]]
    failures: tuple[str, ...]


def open_rewards(specs: Mapping[str, RewardOptions], base: Path, *, key: str = "rewards") -> dict[str, Reward]:
    """Make the recipe's rewards ready, but for those that score tokens (`NEEDS_TOKENS`), which the stage adds.

    Args:
        base: the recipe's folder, where relative paths start.
        key: what the recipe names them under.

    Raises:
        InputError: a file, function, schema, key or program that one of them needs is not there.
    """
    opened: dict[str, Reward] = {}
    for name, options in specs.items():
        kind: str = getattr(options, "kind")  # noqa: B009 -- every member of RewardSpec has one
        if kind in NEEDS_TOKENS:
            continue
        try:
            opened[name] = Reward(KINDS[kind](options, base), options.weight)
        except InputError as error:
            raise InputError(f"{key}.{name}: {error}") from error
    return opened


def score(
    rewards: Mapping[str, Reward],
    completions: Sequence[str],
    rows: Sequence[Row],
    wheres: Sequence[str],
    *,
    max_failures: float = 0.1,
) -> Scored:
    """Score completions.

    Args:
        rows: the row of each completion's prompt.
        wheres: where each row stands (``file:line``).
        max_failures: share of the batch that one reward may fail on. A single bad row among good ones never stops a
            run, whatever share its completions are.

    Raises:
        RunError: a reward failed on more.
    """
    components: dict[str, tuple[Score, ...]] = {}
    failures: list[str] = []
    for name, reward in rewards.items():
        found = _checked(reward.batch, completions, rows)
        failed = [i for i, value in enumerate(found) if isinstance(value, Failed)]
        told = [f"{wheres[i]}: reward `{name}`: {_reason(found[i])}" for i in failed]
        lone = len({wheres[i] for i in failed}) == 1 < len(set(wheres))
        if len(failed) > max_failures * len(found) and not lone:
            raise RunError(
                f"reward `{name}` failed on {len(failed)} of {len(found)} completions, more than the "
                f"{max_failures:.0%} allowed:\n" + "\n".join(f"  {line}" for line in list(dict.fromkeys(told))[:SHOWN])
            )
        failures += told
        components[name] = tuple(None if isinstance(value, Failed) else value for value in found)
    weights = {name: reward.weight for name, reward in rewards.items()}
    total = tuple(_total({n: s[i] for n, s in components.items()}, weights) for i in range(len(completions)))
    return Scored(total, components, tuple(failures))


def _total(scores: Mapping[str, Score], weights: Mapping[str, float]) -> Score:
    applicable = [weights[name] * value for name, value in scores.items() if value is not None]
    return sum(applicable) if applicable else None


def _checked(batch: Batch, completions: Sequence[str], rows: Sequence[Row]) -> list[Score | Failed]:
    try:
        found = list(batch(completions, rows))
    except Exception as error:
        return [Failed(reason_of(error))] * len(completions)
    if len(found) != len(completions):
        return [Failed(f"gave {len(found)} scores for {len(completions)} completions")] * len(completions)
    return [_number(value) for value in found]


def _number(value: Any) -> Score | Failed:
    """A finite float; booleans and the scalars of numpy and torch are numbers too."""
    if value is None or isinstance(value, Failed):
        return value
    if isinstance(value, str | bytes):
        return Failed(f"gave {value[:40]!r}, which is no number")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return Failed(f"gave {str(value)[:40]!r}, which is no number")
    return number if math.isfinite(number) else Failed(f"gave {number}, which is no number to learn from")


def _reason(value: Score | Failed) -> str:
    return value.reason if isinstance(value, Failed) else ""
