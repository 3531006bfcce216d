"""Rows that cannot train, each with its reason, and columns that nothing reads: both are counted and reported."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

_SHOWN = 3


class SkipReason(StrEnum):
    """Why a row is skipped; the value is the text in ``data.json`` and on screens."""

    # The row itself, whatever the model.
    EMPTY_PROMPT = "empty prompt"
    EMPTY_COMPLETION = "empty completion"
    EMPTY_TEXT = "empty text"
    NOT_LEARNT = "every answer is marked as not to be learnt"
    # Pairs and rankings.
    SAME_COMPLETIONS = "chosen equals rejected"
    PROMPTS_DIFFER = "the prompts of chosen and rejected differ"
    SYSTEMS_DIFFER = "chosen and rejected begin with different system messages"
    OTHER_PROMPT = "chosen or rejected repeats another prompt than the row's own"
    SPLIT_EARLIER = "chosen and rejected part before the last question"
    ALL_TIED = "all candidates are tied"
    # Answers with a label.
    NO_LABEL = "no label"
    # The row beside other rows.
    PROMPT_HELD_OUT = "its prompt is in the validation data"
    PROMPT_REPEATED = "its prompt stands in an earlier row"
    # The row as the tokens of a model.
    SAME_TOKENS = "completions are the same tokens"
    NO_PROMPT_TOKEN = "no token before the completion"
    NO_LOSS = "no token bears loss"
    ANSWER_REWRITTEN = "no token bears loss: the template rewrites the answer"
    ANSWER_WITHOUT_WORDS = "no token bears loss: the template leaves no word of the answer"
    TOO_LONG = "longer than max_length"
    TOO_LONG_WHEN_CUT = "longer than max_length, however cut"
    PROMPT_TOO_LONG = "longer than max_length leaves to a prompt"
    # What a model wrote to the prompt.
    TOO_FEW_DIFFERENT = "fewer than 2 different completions"
    # The scores of what was written.
    NO_SCORE = "no candidate has a score"
    TOO_FEW_SCORES = "fewer than 2 candidates have a score"
    SAME_SCORES = "all candidates have the same score"
    BELOW_MIN_SCORE = "no candidate reaches min_score"
    BELOW_MIN_DIFFERENCE = "no two scores differ by min_difference"


class RowSkipped(Exception):
    """Raised by the reader of a row that cannot train.

    Args:
        reason: why it cannot.
    """

    def __init__(self, reason: SkipReason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SkippedRows:
    """The rows skipped for one reason.

    Args:
        rows: how many there are.
        first: ``file:line`` of the first few.
    """

    rows: int
    first: tuple[str, ...]


@dataclass(slots=True)
class Skips:
    """Counts what is not used of a source: skipped rows by reason, and columns that nothing reads.

    Args:
        counts: rows by reason.
        first: the first few places by reason.
        shown: how many places are kept; None for all.
        unread: rows that fill a column which nothing reads, by column.
    """

    counts: Counter[SkipReason] = field(default_factory=Counter[SkipReason])
    first: dict[SkipReason, list[str]] = field(default_factory=dict[SkipReason, list[str]])
    shown: int | None = _SHOWN
    unread: Counter[str] = field(default_factory=Counter[str])

    def add(self, reason: SkipReason, where: str) -> None:
        """Count one row."""
        self.counts[reason] += 1
        places = self.first.setdefault(reason, [])
        if self.shown is None or len(places) < self.shown:
            places.append(where)

    def by_reason(self) -> dict[SkipReason, SkippedRows]:
        """How many rows each reason skipped, with the first places."""
        return {reason: SkippedRows(n, tuple(self.first[reason])) for reason, n in self.counts.items()}

    def lines(self) -> list[str]:
        """A sentence for each reason, the most frequent first."""
        return [
            f"{count} {'row' if count == 1 else 'rows'} skipped, {reason}: {', '.join(self.first[reason])}"
            + (", ..." if count > len(self.first[reason]) else "")
            for reason, count in self.counts.most_common()
        ]
