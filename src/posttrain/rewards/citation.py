"""Required facts and forbidden claims: the first must stand in the completion, the second must not.

A fact is found by its words, not by its meaning: "not 12 mg" holds the fact "12 mg".
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from posttrain.errors import InputError
from posttrain.rewards.text import contains_words, normalise_text
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


def _as_ways(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Statement = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1), BeforeValidator(_as_ways)]
"""One fact or claim: the ways to say it."""


class CitationReward(RewardOptions):
    """The share of required facts that the completion states; nothing once it states a forbidden claim."""

    kind: Literal["citation"]
    facts: tuple[Statement, ...] = Field(default=(), description="required; each a text, or a list of ways to say it")
    facts_column: str | None = Field(default=None, description="column with more of them")
    forbidden: tuple[Statement, ...] = Field(default=(), description="claims it must not make, written likewise")
    forbidden_column: str | None = Field(default=None, description="column with more of them")
    penalty: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="taken off for each forbidden claim; all is lost if unset"
    )

    @model_validator(mode="after")
    def _says_something(self) -> "CitationReward":
        if not (self.facts or self.facts_column or self.forbidden or self.forbidden_column):
            raise ValueError("needs `facts`, `facts_column`, `forbidden` or `forbidden_column`")
        return self


def make_citation_reward(options: CitationReward, base: Path) -> RewardFn:
    """One score a completion; not applicable where the row and the options name no fact and no claim."""

    def score_one(completion: str, row: Row) -> Verdict:
        facts = [*options.facts, *_statements(row, options.facts_column)]
        forbidden = [*options.forbidden, *_statements(row, options.forbidden_column)]
        if not (facts or forbidden):
            return NotApplicable("the row names no fact and no forbidden claim")
        return citation_score(completion, facts, forbidden, options.penalty)

    return per_completion(score_one)


def citation_score(
    completion: str, facts: Sequence[Iterable[str]], forbidden: Sequence[Iterable[str]], penalty: float | None = None
) -> float:
    """Share of `facts` stated (1 without any), and 0 if a forbidden claim is; or less `penalty` for each of them."""
    text = normalise_text(completion)
    share = sum(_states(text, ways) for ways in facts) / len(facts) if facts else 1.0
    claims = sum(_states(text, ways) for ways in forbidden)
    if claims and penalty is None:
        return 0.0
    return share - claims * (penalty or 0.0)


def _states(text: str, ways: Iterable[str]) -> bool:
    """Whole words only: "2 mg" does not stand in "12 mg"."""
    return any(contains_words(normalise_text(way), text) for way in ways)


def _statements(row: Row, name: str | None) -> list[tuple[str, ...]]:
    value = None if name is None else column(row, name)
    if value is None:
        return []
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        raise InputError(f"`{name}` should be a text or a list of texts")
    statements = [tuple(item) if isinstance(item, list | tuple) else (item,) for item in items]
    if not all(ways and all(isinstance(way, str) and normalise_text(way) for way in ways) for ways in statements):
        raise InputError(f"`{name}` should be a list of texts, none of them empty")
    return statements


REWARDS = (RewardKind(CitationReward, make_citation_reward),)
