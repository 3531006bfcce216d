"""Score completions by several rewards: a weighted sum, every component, and what went wrong, by row and name."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posttrain.errors import InputError, RunError
from posttrain.rewards.interrupts import noticed
from posttrain.rewards.kinds import KINDS, NEEDS_TOKENS
from posttrain.rewards.types import Batch, Failed, NotApplicable, RewardOptions, Row, Score, Verdict, failed

SHOWN = 3
"""Failures quoted when too many stop the run."""

LARGEST = 1e38
"""Size of a reward at most. Rewards are float32, where the difference of two must fit below 3.4e38 as well."""

NO_REASON = "it returned no number"
"""Why a reward that gives None does not apply."""


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
        not_applicable: reward → reason → completions that it could not judge.
    """

    total: tuple[Score, ...]
    components: Mapping[str, tuple[Score, ...]]
    failures: tuple[str, ...]
    not_applicable: Mapping[str, Mapping[str, int]]


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
    not_applicable: dict[str, Mapping[str, int]] = {}
    failures: list[str] = []
    for name, reward in rewards.items():
        found = verdicts(reward.batch, completions, rows)
        broken = {i: value.reason for i, value in enumerate(found) if isinstance(value, Failed)}
        sentences = [f"{wheres[i]}: reward `{name}`: {reason}" for i, reason in broken.items()]
        lone = len({wheres[i] for i in broken}) == 1 < len(set(wheres))
        if len(broken) > max_failures * len(found) and not lone:
            raise RunError(
                f"reward `{name}` failed on {len(broken)} of {len(found)} completions, more than the "
                f"{max_failures:.0%} allowed:\n"
                + "\n".join(f"  {line}" for line in list(dict.fromkeys(sentences))[:SHOWN])
            )
        failures += sentences
        components[name] = tuple(value if isinstance(value, float) else None for value in found)
        not_applicable[name] = Counter(value.reason for value in found if isinstance(value, NotApplicable))
    weights = {name: reward.weight for name, reward in rewards.items()}
    total = [_total({n: s[i] for n, s in components.items()}, weights) for i in range(len(completions))]
    for i, value in enumerate(total):
        if value is not None and not abs(value) <= LARGEST:  # true for NaN too
            failures.append(f"{wheres[i]}: the weighted sum of the rewards is {value:g}, which is too large")
            total[i] = None
    return Scored(tuple(total), components, tuple(failures), not_applicable)


def _total(scores: Mapping[str, Score], weights: Mapping[str, float]) -> Score:
    applicable = [weights[name] * value for name, value in scores.items() if value is not None]
    return sum(applicable) if applicable else None


def verdicts(batch: Batch, completions: Sequence[str], rows: Sequence[Row]) -> list[float | NotApplicable | Failed]:
    """One verdict a completion: a finite number, why the reward does not apply, or why it failed."""
    try:
        with noticed():
            found = list(batch(completions, rows))
    except BaseException as error:
        return [failed(error)] * len(completions)
    if len(found) != len(completions):
        return [Failed(f"gave {len(found)} scores for {len(completions)} completions")] * len(completions)
    return [_number(value) for value in found]


def _number(value: Verdict | Failed | Any) -> float | NotApplicable | Failed:
    """A finite float; booleans and the scalars of numpy and torch are numbers too."""
    if value is None:
        return NotApplicable(NO_REASON)
    if isinstance(value, NotApplicable | Failed):
        return value
    if isinstance(value, str | bytes):
        return Failed(f"gave {value[:40]!r}, which is no number")
    try:
        number = float(value)
    except Exception:  # a value of the user's own class may raise anything
        return Failed(f"gave a value of type {type(value).__name__}, which is no number")
    if abs(number) <= LARGEST:  # false for NaN
        return number
    return Failed(
        f"gave {number:g}, which is no number to learn from (rewards lie between -{LARGEST:g} and {LARGEST:g})"
    )
