"""The reward `citation`: the completion must contain the required facts, and no forbidden claim.

Words are compared, not meanings: "not 12 mg" contains the fact "12 mg".
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from posttrain.rewards.facts import PatternWording, Statement, count_stated, read_statements
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


class CitationReward(RewardOptions):
    """The share of required facts that the completion states; 0 where it states a forbidden claim."""

    kind: Literal["citation"]
    facts: tuple[Statement, ...] = Field(
        default=(), description="required facts, each a text, a list of wordings, or a wording as {regex: ...}"
    )
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
    completion: str,
    facts: Sequence[Iterable[str | PatternWording]],
    forbidden: Sequence[Iterable[str | PatternWording]],
    penalty: float | None = None,
) -> float:
    """The share of `facts` that the completion states (1 without facts), less `penalty` for each forbidden claim.

    Without a penalty, a forbidden claim makes the score 0.
    """
    share = count_stated(completion, facts) / len(facts) if facts else 1.0
    claims = count_stated(completion, forbidden)
    if claims and penalty is None:
        return 0.0
    return share - claims * (penalty or 0.0)


def _statements(row: Row, name: str | None) -> tuple[Statement, ...]:
    return () if name is None else read_statements(column(row, name), name)


REWARDS = (RewardKind(CitationReward, make_citation_reward, answer_alone=True),)
