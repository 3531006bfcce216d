"""The reward `refusal`: 1 where the completion refuses, else 0."""

from pathlib import Path
from typing import Literal

from posttrain.errors import InputError
from posttrain.rewards.refusal.detect import refuses, says
from posttrain.rewards.types import RewardFn, RewardKind, RewardOptions, Row, per_completion


class RefusalReward(RewardOptions):
    """1 where the completion refuses: by its words, or by the row's own words for it (`metadata.refusal`). Else 0."""

    kind: Literal["refusal"]


def make_refusal_reward(options: RefusalReward, base: Path) -> RewardFn:
    """Score by the words of the completion."""

    def score_one(completion: str, row: Row) -> float:
        words = own_refusal_words(row)
        return float(says(completion, words) if words else refuses(completion))

    return per_completion(score_one)


def own_refusal_words(row: Row) -> tuple[str, ...]:
    """The row's own words for a refusal, ``metadata.refusal``; empty where it has none.

    Raises:
        InputError: they are no text or list of texts.
    """
    metadata = row.get("metadata")
    words = metadata.get("refusal") if isinstance(metadata, dict) else None
    words = [words] if isinstance(words, str) else [] if words is None else words
    if not isinstance(words, list) or not all(isinstance(word, str) and word.strip() for word in words):
        raise InputError("`metadata.refusal` should be a text or a list of texts, none of them empty")
    return tuple(words)


REWARDS = (RewardKind(RefusalReward, make_refusal_reward),)
