"""The rewards `regex`, `length` and `repetition`, which read the completion alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import regex
from pydantic import AfterValidator, Field

from posttrain.rewards.types import (
    RewardFn,
    RewardKind,
    RewardOptions,
    Row,
    Score,
    per_completion,
)

PATTERN_SECONDS = 1.0
"""Time that one search may take. Without a limit, a pattern such as ``(a+)+$`` could search for years."""


def _compiled(pattern: str) -> str:
    try:
        regex.compile(pattern)
    except regex.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    return pattern


Pattern = Annotated[str, AfterValidator(_compiled)]
"""A regular expression of Python's `regex` package."""


class RegexReward(RewardOptions):
    """1 where the pattern matches in the completion, else 0."""

    kind: Literal["regex"]
    pattern: Pattern = Field(min_length=1, description="for Python's `regex` package; `.` does not match a new line")
    full: bool = Field(default=False, description="it must match the whole completion")


class LengthReward(RewardOptions):
    """0 up to a length, then falling linearly to -1: DAPO's soft overlong punishment (arXiv:2503.14476)."""

    kind: Literal["length"]
    unit: Literal["words", "characters"] = Field(default="words", description="the unit of length")
    free: int = Field(ge=0, description="length without a penalty")
    margin: int = Field(ge=1, description="further length over which the penalty grows to 1")


class RepetitionReward(RewardOptions):
    """Minus the share of n-grams of words that occur in the completion before (arXiv:2502.03373)."""

    kind: Literal["repetition"]
    n: int = Field(default=3, ge=1, le=50, description="number of words in an n-gram")


def make_regex_reward(options: RegexReward, base: Path) -> RewardFn:
    """Score by the pattern; a search that takes too long is a failure."""

    def score_one(completion: str, row: Row) -> Score:
        return regex_score(completion, options.pattern, full=options.full)

    return per_completion(score_one)


def make_length_reward(options: LengthReward, base: Path) -> RewardFn:
    """Score by the length."""

    def score_one(completion: str, row: Row) -> Score:
        length = len(completion.split()) if options.unit == "words" else len(completion)
        return length_penalty(length, options.free, options.margin)

    return per_completion(score_one)


def make_repetition_reward(options: RepetitionReward, base: Path) -> RewardFn:
    """Score by the repeated n-grams."""

    def score_one(completion: str, row: Row) -> Score:
        return repetition_penalty(completion.split(), options.n)

    return per_completion(score_one)


def regex_score(completion: str, pattern: str, *, full: bool = False) -> float:
    """1.0 if the pattern matches somewhere (`full`: matches all of the completion).

    Raises:
        TimeoutError: the search took longer than `PATTERN_SECONDS`.
    """
    search = regex.fullmatch if full else regex.search
    return float(search(pattern, completion, timeout=PATTERN_SECONDS) is not None)


def length_penalty(length: int, free: int, margin: int) -> float:
    """0 up to `free`, -1 from ``free + margin`` on, linear in between."""
    return -min(1.0, max(0, length - free) / margin)


def repetition_penalty(words: Sequence[str], n: int) -> float:
    """``distinct / all - 1`` over the n-grams: 0 if all differ, near -1 if most repeat; 0 for fewer than n words."""
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    return len(set(grams)) / len(grams) - 1.0 if grams else 0.0


REWARDS = (
    RewardKind(RegexReward, make_regex_reward),
    RewardKind(LengthReward, make_length_reward),
    RewardKind(RepetitionReward, make_repetition_reward),
)
