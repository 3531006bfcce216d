"""Rewards of plain text: equality with the row's answer, a pattern, and penalties for length and repetition."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

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
"""That one search may take: a pattern such as ``(a+)+$`` could otherwise go on for years."""


class MatchReward(RewardOptions):
    """1 where the completion is the row's answer, else 0."""

    kind: Literal["match"]
    target: str = Field(default="target", description="column of the right answer")
    how: Literal["exact", "normalised", "label"] = Field(
        default="exact",
        description="exact: but for white space at both ends; normalised: case, white space and punctuation aside; "
        "label: of `labels` it names the right one and no other",
    )
    labels: tuple[str, ...] = Field(default=(), description="every label, for `how: label`")

    @model_validator(mode="after")
    def _labels_go_with_label(self) -> "MatchReward":
        if (self.how == "label") != bool(self.labels):
            raise ValueError("`labels` go with `how: label`, and with nothing else")
        return self


class RegexReward(RewardOptions):
    """1 where the pattern is found in the completion, else 0."""

    kind: Literal["regex"]
    pattern: str = Field(min_length=1, description="of Python's `regex` package; `.` does not match a new line")
    full: bool = Field(default=False, description="it must match the whole completion")

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        import regex

        try:
            regex.compile(pattern)
        except regex.error as error:
            raise ValueError(f"no regular expression: {error}") from error
        return pattern


class LengthReward(RewardOptions):
    """0 up to a length, then down in a straight line to -1: DAPO's soft overlong punishment (arXiv:2503.14476)."""

    kind: Literal["length"]
    unit: Literal["words", "characters"] = Field(default="words", description="what is counted")
    free: int = Field(ge=0, description="length that costs nothing")
    margin: int = Field(ge=1, description="length beyond it that costs 1")


class RepetitionReward(RewardOptions):
    """Minus the share of n-grams of words that stood in the completion before (arXiv:2502.03373)."""

    kind: Literal["repetition"]
    n: int = Field(default=3, ge=1, le=50, description="words of an n-gram")


def make_match_reward(options: MatchReward, base: Path) -> RewardFn:
    """One score a completion; not applicable where the row's target is null."""
    labels = tuple(normalise_text(label) for label in options.labels)

    def score_one(completion: str, row: Row) -> Verdict:
        target = column(row, options.target)
        if target is None:
            return NotApplicable(f"`{options.target}` is null")
        if isinstance(target, dict | list):
            raise InputError(f"`{options.target}` is JSON, and `match` compares text; say `kind: json_fields`")
        if options.how == "exact":
            return float(completion.strip() == str(target).strip())
        if options.how == "normalised":
            return float(normalise_text(completion) == normalise_text(str(target)))
        return label_score(completion, str(target), labels)

    return per_completion(score_one)


def make_regex_reward(options: RegexReward, base: Path) -> RewardFn:
    """One score a completion; a search that takes too long is a failure."""

    def score_one(completion: str, row: Row) -> Score:
        return regex_score(completion, options.pattern, full=options.full)

    return per_completion(score_one)


def make_length_reward(options: LengthReward, base: Path) -> RewardFn:
    """One penalty a completion."""

    def score_one(completion: str, row: Row) -> Score:
        length = len(completion.split()) if options.unit == "words" else len(completion)
        return length_penalty(length, options.free, options.margin)

    return per_completion(score_one)


def make_repetition_reward(options: RepetitionReward, base: Path) -> RewardFn:
    """One penalty a completion."""

    def score_one(completion: str, row: Row) -> Score:
        return repetition_penalty(completion.split(), options.n)

    return per_completion(score_one)


def normalise_text(text: str) -> str:
    """Case, white space, punctuation and ways of writing a character aside; a sign or point in a number stays."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("−", "-")
    return " ".join(_WORD.findall(_LOOSE_PERCENT.sub("%", text)))


def contains_words(part: str, text: str) -> bool:
    """Whether a text holds another as whole words and whole numbers: "5 mg" does not stand in "15 mg" or "1.5 mg".

    Scripts that put no space between words have no such borders.
    """
    before = _NO_NUMBER_BEFORE if part[:1].isdigit() else f"(?<!{_LETTER})" if re.match(_LETTER, part) else ""
    after = _NO_NUMBER_AFTER if part[-1:].isdigit() else f"(?!{_LETTER})" if re.match(_LETTER, part[-1:]) else ""
    return re.search(before + re.escape(part) + after, text) is not None


def label_score(completion: str, target: str, labels: Sequence[str]) -> float:
    """1.0 if the completion names the target and no other label. A label within a longer one is not named.

    Args:
        labels: normalised.

    Raises:
        ValueError: the target is none of them.
    """
    wanted = normalise_text(target)
    if wanted not in labels:
        raise ValueError(f"the target {target[:80]!r} is none of the labels")
    longest_first = sorted(labels, key=len, reverse=True)
    pattern = r"(?<!\S)(?:" + "|".join(map(re.escape, longest_first)) + r")(?!\S)"
    return float(set(re.findall(pattern, normalise_text(completion))) == {wanted})


def regex_score(completion: str, pattern: str, *, full: bool = False) -> float:
    """1.0 if the pattern is found (`full`: matches it all).

    Raises:
        TimeoutError: it took longer than `PATTERN_SECONDS`.
    """
    import regex

    search = regex.fullmatch if full else regex.search
    return float(search(pattern, completion, timeout=PATTERN_SECONDS) is not None)


def length_penalty(length: int, free: int, margin: int) -> float:
    """0 up to `free`, -1 from ``free + margin`` on, in between a straight line."""
    return -min(1.0, max(0, length - free) / margin)


def repetition_penalty(words: Sequence[str], n: int) -> float:
    """``distinct / all - 1`` over the n-grams: 0 if none stands twice, towards -1 the more do. Shorter texts: 0."""
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    return len(set(grams)) / len(grams) - 1.0 if grams else 0.0


_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
"""Thai, Lao, Burmese, Khmer, Japanese, Chinese, and Korean, whose particles cling to the word."""
_LETTER = rf"[^\W{_UNSPACED}]"
_NO_NUMBER_BEFORE = rf"(?<!{_LETTER})(?<!\d[.,])(?<!(?<!\w)-)"
_NO_NUMBER_AFTER = rf"(?!{_LETTER})(?![.,]\d)(?!\s?%)"
_WORD = re.compile(r"(?<!\w)-?\d+(?:[.,]\d+)*%?|\w+")
_LOOSE_PERCENT = re.compile(r"(?<=\d)\s+%")


REWARDS = (
    RewardKind(MatchReward, make_match_reward),
    RewardKind(RegexReward, make_regex_reward),
    RewardKind(LengthReward, make_length_reward),
    RewardKind(RepetitionReward, make_repetition_reward),
)
