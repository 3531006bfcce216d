"""The rewards `match`, `regex`, `length` and `repetition`, which read plain text."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import regex
from pydantic import Field, field_validator, model_validator

from posttrain.errors import InputError
from posttrain.rewards.types import (
    NotApplicable,
    RewardFn,
    RewardKind,
    RewardOptions,
    Row,
    Score,
    Verdict,
    column,
    per_completion,
)

PATTERN_SECONDS = 1.0
"""Time that one search may take. Without a limit, a pattern such as ``(a+)+$`` could search for years."""


class MatchReward(RewardOptions):
    """1 where the completion is the row's answer, else 0."""

    kind: Literal["match"]
    target: str = Field(default="target", description="column of the right answer")
    how: Literal["exact", "normalised", "label"] = Field(
        default="exact",
        description="exact: equal except for white space at both ends; normalised: equal except for case, white space "
        "and punctuation; label: it names the right label and no other one of `labels`",
    )
    labels: tuple[str, ...] = Field(default=(), description="all labels, for `how: label`")

    @model_validator(mode="after")
    def _labels_go_with_label(self) -> "MatchReward":
        if (self.how == "label") != bool(self.labels):
            raise ValueError("`labels` go with `how: label`, and only with it")
        return self


class RegexReward(RewardOptions):
    """1 where the pattern matches in the completion, else 0."""

    kind: Literal["regex"]
    pattern: str = Field(min_length=1, description="for Python's `regex` package; `.` does not match a new line")
    full: bool = Field(default=False, description="it must match the whole completion")

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            regex.compile(pattern)
        except regex.error as error:
            raise ValueError(f"no regular expression: {error}") from error
        return pattern


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


def make_match_reward(options: MatchReward, base: Path) -> RewardFn:
    """Score by the row's target; not applicable where it is null."""
    labels = tuple(normalise_text(label) for label in options.labels)

    def score_one(completion: str, row: Row) -> Verdict:
        target = column(row, options.target)
        if target is None:
            return NotApplicable(f"`{options.target}` is null")
        if isinstance(target, dict | list):
            raise InputError(f"`{options.target}` is JSON, and `match` compares text; use `kind: json_fields`")
        if options.how == "exact":
            return float(completion.strip() == str(target).strip())
        if options.how == "normalised":
            return float(normalise_text(completion) == normalise_text(str(target)))
        return label_score(completion, str(target), labels)

    return per_completion(score_one)


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


def normalise_text(text: str) -> str:
    """Unify case, white space, punctuation and forms of characters; the sign and the point of a number stay."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("−", "-")
    return " ".join(_WORD.findall(_LOOSE_PERCENT.sub("%", text)))


def contains_words(part: str, text: str) -> bool:
    """Whether a text contains another as whole words and whole numbers: "15 mg" and "1.5 mg" do not contain "5 mg".

    In scripts without spaces between words, any place counts as a border.
    """
    before = _NO_NUMBER_BEFORE if part[:1].isdigit() else f"(?<!{_LETTER})" if re.match(_LETTER, part) else ""
    after = _NO_NUMBER_AFTER if part[-1:].isdigit() else f"(?!{_LETTER})" if re.match(_LETTER, part[-1:]) else ""
    return re.search(before + re.escape(part) + after, text) is not None


def label_score(completion: str, target: str, labels: Sequence[str]) -> float:
    """1.0 if the completion names the target and no other label. A label inside a longer label does not count.

    Args:
        labels: normalised.

    Raises:
        ValueError: the target is none of the labels.
    """
    wanted = normalise_text(target)
    if wanted not in labels:
        raise ValueError(f"the target {target[:80]!r} is none of the labels")
    longest_first = sorted(labels, key=len, reverse=True)
    pattern = r"(?<!\S)(?:" + "|".join(map(re.escape, longest_first)) + r")(?!\S)"
    return float(set(re.findall(pattern, normalise_text(completion))) == {wanted})


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


_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese, and Korean, where particles follow a word without a space."""
_LETTER = rf"[^\W{_UNSPACED}]"
_NO_NUMBER_BEFORE = rf"(?<!{_LETTER})(?<!\d[.,])(?<!(?<!\w)-)"
_NO_NUMBER_AFTER = rf"(?!{_LETTER})(?![.,]\d)(?!\s?%)"
_WORD = re.compile(r"(?<!\w)-?\d+(?:[.,]\d+)*%?|\w+")
_LOOSE_PERCENT = re.compile(r"(?<=\d)\s+%")


REWARDS = (
    RewardKind(MatchReward, make_match_reward, compares=True),
    RewardKind(RegexReward, make_regex_reward),
    RewardKind(LengthReward, make_length_reward),
    RewardKind(RepetitionReward, make_repetition_reward),
)
