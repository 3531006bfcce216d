"""Score completions by several rewards: the weighted sum, each reward's scores, and the failures by row and name."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posttrain.errors import InputError, RunError
from posttrain.rewards.interrupts import record_interrupts
from posttrain.rewards.registry import REWARD_KINDS, make_reward
from posttrain.rewards.types import Failed, NotApplicable, RewardFn, RewardOptions, Row, Score, Verdict, failure_of

SHOWN = 3
"""Number of failures in the message of the error that stops the run."""

LARGEST = 1e38
"""Largest absolute value of a reward. Rewards are float32, and the difference of two must fit below 3.4e38 as well."""

NO_REASON = "it returned no number"
"""The reason recorded where a reward returns None."""


@dataclass(frozen=True, slots=True)
class Reward:
    """A reward that is ready to score, and its weight in the sum."""

    function: RewardFn
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Scored:
    """The scores of a batch of completions.

    Args:
        total: for each completion the weighted sum over the rewards that apply; None where none applies.
        components: each reward's own scores, unweighted.
        failures: sentences, each with row and reward.
        not_applicable: reward → reason → number of completions that the reward could not judge.
    """

    total: tuple[Score, ...]
    components: Mapping[str, tuple[Score, ...]]
    failures: tuple[str, ...]
    not_applicable: Mapping[str, Mapping[str, int]]


def open_rewards(specs: Mapping[str, RewardOptions], base: Path, *, key: str = "rewards") -> dict[str, Reward]:
    """Make the recipe's rewards ready. Rewards that read tokens are left out: the stage adds them.

    Args:
        base: the recipe's folder, where relative paths start.
        key: the recipe's key that holds them.

    Raises:
        InputError: a file, function, schema, key or program that one of them needs is missing.
    """
    opened: dict[str, Reward] = {}
    for name, options in specs.items():
        if REWARD_KINDS[options.kind].reads_tokens:
            continue
        try:
            opened[name] = Reward(make_reward(options, base), options.weight)
        except InputError as error:
            raise InputError(f"{key}.{name}: {error}") from error
    return opened


def combined(
    verdicts: Mapping[str, Sequence[float | NotApplicable | Failed]],
    weights: Mapping[str, float],
    wheres: Sequence[str],
    *,
    max_failures: float = 0.1,
) -> Scored:
    """The scores of completions from the verdicts of each reward.

    Args:
        verdicts: reward → its verdict on each completion.
        weights: reward → its weight in the sum.
        wheres: the place of each completion's row (``file:line``).
        max_failures: share of the batch on which one reward may fail. A single bad row among good ones never stops a
            run, whatever the share of its completions is.

    Raises:
        RunError: a reward failed on a larger share.
    """
    components: dict[str, tuple[Score, ...]] = {}
    not_applicable: dict[str, Mapping[str, int]] = {}
    failures: list[str] = []
    for name, values in verdicts.items():
        failures += _failures(name, values, wheres, max_failures)
        components[name] = tuple(value if isinstance(value, float) else None for value in values)
        not_applicable[name] = Counter(value.reason for value in values if isinstance(value, NotApplicable))
    total = [_total({n: s[i] for n, s in components.items()}, weights) for i in range(len(wheres))]
    for i, value in enumerate(total):
        if value is not None and not abs(value) <= LARGEST:  # true for NaN too
            failures.append(f"{wheres[i]}: the weighted sum of the rewards is {value:g}, which is too large")
            total[i] = None
    return Scored(tuple(total), components, tuple(failures), not_applicable)


def _failures(name: str, values: Sequence[Any], wheres: Sequence[str], max_failures: float) -> list[str]:
    """A sentence for each failure of a reward.

    Raises:
        RunError: the failures are too many, and on more than one row.
    """
    reasons = {i: value.reason for i, value in enumerate(values) if isinstance(value, Failed)}
    sentences = [f"{wheres[i]}: reward `{name}`: {reason}" for i, reason in reasons.items()]
    on_one_row = len({wheres[i] for i in reasons}) == 1 < len(set(wheres))
    if len(reasons) > max_failures * len(values) and not on_one_row:
        raise RunError(
            f"reward `{name}` failed on {len(reasons)} of {len(values)} completions, more than the "
            f"{max_failures:.0%} allowed:\n" + "\n".join(f"  {line}" for line in list(dict.fromkeys(sentences))[:SHOWN])
        )
    return sentences


def _total(scores: Mapping[str, Score], weights: Mapping[str, float]) -> Score:
    applicable = [weights[name] * value for name, value in scores.items() if value is not None]
    return sum(applicable) if applicable else None


def reward_verdicts(
    function: RewardFn, completions: Sequence[str], rows: Sequence[Row]
) -> list[float | NotApplicable | Failed]:
    """One verdict a completion: a finite number, the reason why the reward does not apply, or why it failed."""
    try:
        with record_interrupts():
            values = list(function(completions, rows))
    except BaseException as error:
        return [failure_of(error)] * len(completions)
    if len(values) != len(completions):
        return [Failed(f"gave {len(values)} scores for {len(completions)} completions")] * len(completions)
    return [_number(value) for value in values]


def _number(value: Verdict | Failed | Any) -> float | NotApplicable | Failed:
    """The value as a finite float; booleans and the scalars of numpy and torch are numbers too."""
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
