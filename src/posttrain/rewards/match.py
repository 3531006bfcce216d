"""The rewards `match` and `contains`, which compare the completion with the row's right answers."""

import json
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from posttrain.errors import InputError
from posttrain.rewards.types import (
    NotApplicable,
    RewardFn,
    RewardKind,
    RewardOptions,
    Row,
    Verdict,
    column,
    per_completion,
)


class MatchReward(RewardOptions):
    """1 where the completion is the row's answer, or one of several right ones, else 0."""

    kind: Literal["match"]
    target: str = Field(default="target", description="column of the right answer, or of a list of right answers")
    how: Literal["exact", "normalised", "label"] = Field(
        default="exact",
        description="exact: equal except for white space and forms of characters (é, e + accent); normalised: equal "
        "except for case, white space and punctuation; label: it names the right label and no other one of `labels`",
    )
    labels: tuple[str, ...] = Field(default=(), description="all labels, for `how: label`")

    @model_validator(mode="after")
    def _labels_go_with_label(self) -> "MatchReward":
        if (self.how == "label") != bool(self.labels):
            raise ValueError("`labels` go with `how: label`, and only with it")
        return self


class ContainsReward(RewardOptions):
    """1 where the completion holds the row's answer, or one of several, as whole words; case does not count. Else 0."""

    kind: Literal["contains"]
    target: str = Field(default="target", description="column of a text, or of a list of texts")


def make_match_reward(options: MatchReward, base: Path) -> RewardFn:
    """Score by the row's target; not applicable where it is null."""
    labels = tuple(normalise_text(label) for label in options.labels)

    def score_one(completion: str, row: Row) -> Verdict:
        targets = right_texts(row, options.target)
        if isinstance(targets, NotApplicable):
            return targets
        if options.how == "exact":
            return float(plain_text(completion) in map(plain_text, targets))
        if options.how == "normalised":
            return float(normalise_text(completion) in map(normalise_text, targets))
        return max(label_score(completion, target, labels) for target in targets)

    return per_completion(score_one)


def make_contains_reward(options: ContainsReward, base: Path) -> RewardFn:
    """Score by the row's target; not applicable where it is null."""

    def score_one(completion: str, row: Row) -> Verdict:
        targets = right_texts(row, options.target)
        if isinstance(targets, NotApplicable):
            return targets
        text, parts = plain_text(completion).casefold(), [plain_text(target).casefold() for target in targets]
        if not all(parts):
            raise InputError(f"`{options.target}` is empty, and every answer contains that")
        return float(any(contains_words(part, text) for part in parts))

    return per_completion(score_one)


def right_texts(row: Row, name: str) -> tuple[str, ...] | NotApplicable:
    """A column's right answers as texts, one or several. Numbers, true and false are written as JSON has them.

    Raises:
        InputError: there is no such column, it holds JSON objects, or its list is empty.
    """
    target = column(row, name)
    if target is None:
        return NotApplicable(f"`{name}` is null")
    targets: list[Any] = target if isinstance(target, list) else [target]
    if not targets:
        raise InputError(f"`{name}` is an empty list, so no answer would be right")
    if any(text is None or isinstance(text, dict | list) for text in targets):
        raise InputError(f"`{name}` should be a text or a list of texts; `kind: json_fields` compares JSON")
    return tuple(text if isinstance(text, str) else json.dumps(text) for text in targets)


def plain_text(text: str) -> str:
    """Unify white space and the forms of characters (NFC); all else stays."""
    return " ".join(unicodedata.normalize("NFC", text).split())


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
    return float(only_label(completion, labels) == wanted)


def only_label(text: str, labels: Sequence[str]) -> str | None:
    """The one label that a text names; None if it names several or none. A label inside a longer one does not count.

    Args:
        labels: normalised.
    """
    longest_first = sorted(labels, key=len, reverse=True)
    pattern = r"(?<!\S)(?:" + "|".join(map(re.escape, longest_first)) + r")(?!\S)"
    named = set(re.findall(pattern, normalise_text(text)))
    return named.pop() if len(named) == 1 else None


UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese, and Korean, where particles follow a word without a space."""
_LETTER = rf"[^\W{UNSPACED}]"
_NO_NUMBER_BEFORE = rf"(?<!{_LETTER})(?<!\d[.,])(?<!(?<!\w)-)"
_NO_NUMBER_AFTER = rf"(?!{_LETTER})(?![.,]\d)(?!\s?%)"
_WORD = re.compile(r"(?<!\w)-?\d+(?:[.,]\d+)*%?|\w+")
_LOOSE_PERCENT = re.compile(r"(?<=\d)\s+%")


REWARDS = (
    RewardKind(MatchReward, make_match_reward, compares=True, answer_alone=True),
    RewardKind(ContainsReward, make_contains_reward, compares=True, answer_alone=True),
)
