"""Required facts and forbidden claims."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from posttrain.rewards.citation import CitationReward, citation_score, make_citation_reward
from posttrain.rewards.types import Failed, NotApplicable

TEXT = "Take 12 mg twice a day, with food; tell your doctor of any rash."


@pytest.mark.parametrize(
    ("facts", "share"),
    [
        ([("12 MG",), ("with   food",)], 1.0),
        ([("12mg",), ("without food",)], 0.5),
        ([("2 mg",)], 0.0),
        ([("12 m",)], 0.0),
        ([("two times a day", "twice a day")], 1.0),
        ([], 1.0),
    ],
)
def test_the_share_of_facts_in_the_text(facts: list[tuple[str, ...]], share: float) -> None:
    assert citation_score(TEXT, facts, []) == share


def test_a_forbidden_claim_makes_zero_or_costs_its_penalty() -> None:
    facts, forbidden = [("12 mg",), ("rash",)], [("with food",), ("no side effects",), ("twice a day",)]
    assert citation_score(TEXT, facts, forbidden) == 0.0
    assert citation_score(TEXT, facts, forbidden, penalty=0.25) == 0.5
    assert citation_score(TEXT, facts, [("no side effects",)]) == 1.0


WORDS = st.sampled_from(["alpha", "beta", "gamma", "12 mg", "1.2 mg"])


@given(st.lists(WORDS, max_size=6), st.lists(WORDS, min_size=1, max_size=4), st.data())
def test_stating_one_more_fact_never_costs(stated: list[str], facts: list[str], data: st.DataObject) -> None:
    wordings = [(fact,) for fact in facts]
    before = citation_score("; ".join(stated), wordings, [])
    after = citation_score("; ".join([*stated, data.draw(st.sampled_from(facts))]), wordings, [])
    assert 0.0 <= before <= after <= 1.0
    assert citation_score("; ".join(facts), wordings, []) == 1.0


def test_facts_come_from_the_recipe_and_from_the_row() -> None:
    options = CitationReward.model_validate(
        {
            "kind": "citation",
            "facts": ["rash", ["12 mg", "12 milligrams"]],
            "facts_column": "must",
            "forbidden_column": "not",
        }
    )
    rows: list[dict[str, Any]] = [
        {"must": ["food", "knee"], "not": None},
        {"must": "food", "not": [["with food", "at meals"]]},
        {"must": [3], "not": None},
        {"must": []},
    ]
    right, forbidden, wrong, missing = make_citation_reward(options, Path())([TEXT] * 4, rows)
    assert (right, forbidden) == (0.75, 0.0)
    assert isinstance(wrong, Failed)
    assert "`must` should be a list of texts" in wrong.reason
    assert isinstance(missing, Failed)
    assert "no column `not`" in missing.reason


def test_a_row_without_facts_and_claims_is_not_scored() -> None:
    options = CitationReward(kind="citation", facts_column="must")
    verdicts = make_citation_reward(options, Path())([TEXT, TEXT], [{"must": None}, {"must": []}])
    assert all(isinstance(verdict, NotApplicable) for verdict in verdicts)


def test_a_reward_without_facts_and_claims_is_refused() -> None:
    with pytest.raises(ValidationError, match="needs `facts`"):
        CitationReward(kind="citation")


def test_a_regular_expression_stands_for_wordings() -> None:
    options = CitationReward.model_validate(
        {"kind": "citation", "facts": [{"regex": r"\b12\s?mg\b"}], "facts_column": "metadata.facts"}
    )
    rows: list[dict[str, Any]] = [
        {"metadata": {"facts": [[{"regex": "Twice"}, "with food"]]}},
        {"metadata": {"facts": [{"regex": "Twice"}]}},
        {"metadata": {}},
        {"metadata": {"facts": [{"regex": "("}]}},
        {"metadata": {"facts": [{"pattern": "a"}]}},
    ]
    whole, half, none, broken, wrong = make_citation_reward(options, Path())([TEXT] * 5, rows)
    assert (whole, half, none) == (1.0, 0.5, 1.0)
    assert isinstance(broken, Failed)
    assert "no regular expression" in broken.reason
    assert isinstance(wrong, Failed)
    assert "`metadata.facts` should be a list of texts" in wrong.reason
