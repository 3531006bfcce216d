"""The reward `rouge`: how much of a reference text's wording a completion has.

C.-Y. Lin, "ROUGE: A Package for Automatic Evaluation of Summaries" (2004). The figures are those of Google's package
rouge-score without stemming; here letters and digits of every script are words, and in scripts without spaces each
character is one.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field
from rapidfuzz.distance import LCSseq

from posttrain.rewards.match import UNSPACED, right_texts
from posttrain.rewards.types import NotApplicable, RewardFn, RewardKind, RewardOptions, Row, Verdict, per_completion

RougeVariant = Literal["rouge1", "rouge2", "rougeL"]
"""Common words, pairs of words, or the longest common subsequence of words."""


class RougeReward(RewardOptions):
    """ROUGE between the completion and the row's reference, between 0 and 1; of several references the best."""

    kind: Literal["rouge"]
    target: str = Field(default="target", description="column of a reference text, or of a list of them")
    variant: RougeVariant = Field(
        default="rougeL", description="rouge1: words; rouge2: pairs of words; rougeL: longest common subsequence"
    )
    figure: Literal["f1", "precision", "recall"] = Field(
        default="f1", description="precision: share of the completion; recall: share of the reference"
    )


class Rouge(NamedTuple):
    """One variant of ROUGE."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """The harmonic mean; 0 where both are 0."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def make_rouge_reward(options: RougeReward, base: Path) -> RewardFn:
    """Score by the row's references; not applicable where they are null."""

    def score_one(completion: str, row: Row) -> Verdict:
        targets = right_texts(row, options.target)
        if isinstance(targets, NotApplicable):
            return targets
        return float(getattr(best_rouge(completion, targets, options.variant), options.figure))

    return per_completion(score_one)


def best_rouge(completion: str, references: Sequence[str], variant: RougeVariant) -> Rouge:
    """ROUGE with the reference that gives the largest F1."""
    words = rouge_words(completion)
    return max((rouge(words, rouge_words(one), variant) for one in references), key=lambda result: result.f1)


def rouge(words: Sequence[str], reference: Sequence[str], variant: RougeVariant) -> Rouge:
    """ROUGE of two lists of words; 0 where one of them is too short to have any unit."""
    n = 2 if variant == "rouge2" else 1
    given, wanted = len(words) - n + 1, len(reference) - n + 1
    if given <= 0 or wanted <= 0:
        return Rouge(0.0, 0.0)
    if variant == "rougeL":
        common = LCSseq.similarity(words, reference)
    else:
        common = (_grams(words, n) & _grams(reference, n)).total()
    return Rouge(common / given, common / wanted)


def rouge_words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return _WORD.findall(unicodedata.normalize("NFC", text).lower())


def _grams(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


_WORD = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+")

REWARDS = (RewardKind(RougeReward, make_rouge_reward, compares=True, answer_alone=True),)
