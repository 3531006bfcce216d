"""The reward `citation`: the completion must contain the required facts, and no forbidden claim.

Words are compared, not meanings: "not 12 mg" contains the fact "12 mg".
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from posttrain.errors import InputError
from posttrain.rewards.match import contains_words, normalise_text
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


def _as_wordings(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Wording = Annotated[str, Field(min_length=1)]
Statement = Annotated[tuple[Wording, ...], Field(min_length=1), BeforeValidator(_as_wordings)]
"""A fact or claim, as the list of its wordings."""


class CitationReward(RewardOptions):
    """The share of required facts that the completion states; 0 where it states a forbidden claim."""

    kind: Literal["citation"]
    facts: tuple[Statement, ...] = Field(default=(), description="required facts, each a text or a list of wordings")
    facts_column: str | None = Field(default=None, description="column with more of them")
    forbidden: tuple[Statement, ...] = Field(default=(), description="claims it must not make, in the same form")
    forbidden_column: str | None = Field(default=None, description="column with more of them")
    penalty: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="subtracted for each forbidden claim; if unset, any makes 0",
    )

    @model_validator(mode="after")
    def _needs_facts_or_claims(self) -> "CitationReward":
        if not (self.facts or self.facts_column or self.forbidden or self.forbidden_column):
            raise ValueError("needs `facts`, `facts_column`, `forbidden` or `forbidden_column`")
        return self


def make_citation_reward(options: CitationReward, base: Path) -> RewardFn:
    """Score by the options' and the row's facts and claims; not applicable where they name none."""

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
    """The share of `facts` that the completion states (1 without facts), less `penalty` for each forbidden claim.

    Without a penalty, a forbidden claim makes the score 0.
    """
    text = normalise_text(completion)
    share = sum(_states(text, wordings) for wordings in facts) / len(facts) if facts else 1.0
    claims = sum(_states(text, wordings) for wordings in forbidden)
    if claims and penalty is None:
        return 0.0
    return share - claims * (penalty or 0.0)


def _states(text: str, wordings: Iterable[str]) -> bool:
    """Whether the text contains one of the wordings as whole words: "12 mg" does not contain "2 mg"."""
    return any(contains_words(normalise_text(wording), text) for wording in wordings)


def _statements(row: Row, name: str | None) -> list[tuple[str, ...]]:
    value = None if name is None else column(row, name)
    if value is None:
        return []
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        raise InputError(f"`{name}` should be a text or a list of texts")
    statements = [tuple(item) if isinstance(item, list | tuple) else (item,) for item in items]
    if not all(wordings and all(isinstance(w, str) and normalise_text(w) for w in wordings) for wordings in statements):
        raise InputError(f"`{name}` should be a list of texts, none of them empty")
    return statements


REWARDS = (RewardKind(CitationReward, make_citation_reward),)
