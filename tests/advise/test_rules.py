"""The table of rules is complete, its reasons can be filled in, and it alone decides."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advising import LAPTOP
from posttrain.advise.answers import Answers
from posttrain.advise.decide import Opinion, opinions, stack_of
from posttrain.advise.facts import AdviceCase, advice_case
from posttrain.advise.profile import DataProfile
from posttrain.advise.rules import FACTS, ORDER, RULE_KINDS, TECHNIQUES, TechniqueRules
from posttrain.advise.start_model import StartModel

NO_DATA = advice_case(DataProfile(), Answers(), StartModel("model", False, None, False, None, 4.0), LAPTOP)
BY_NAME = {technique.name: technique for technique in TECHNIQUES}


def rules_of(technique: TechniqueRules) -> list[tuple[str, str]]:
    """(fact, reason) of each rule."""
    return [(fact, reason) for kind in RULE_KINDS for fact, reason in technique.rules[kind].items()]


def test_every_rule_rests_on_a_fact_and_every_fact_has_a_rule() -> None:
    used = {fact for technique in TECHNIQUES for fact, _ in rules_of(technique)}
    assert used == set(FACTS)


@pytest.mark.parametrize("name", ORDER)
def test_every_figure_that_a_reason_quotes_exists(name: str) -> None:
    technique = BY_NAME[name]  # type: ignore[index]
    reasons = [technique.otherwise, *(reason for _, reason in rules_of(technique))]
    quoted = {field for reason in reasons for _, field, _, _ in string.Formatter().parse(reason) if field}
    assert quoted <= set(NO_DATA.figures)
    assert technique.enough.figure in NO_DATA.figures


def decided(facts: frozenset[str]) -> list[Opinion]:
    return opinions(AdviceCase(facts, NO_DATA.figures))


@given(st.frozensets(st.sampled_from(sorted(FACTS))))
def test_a_technique_is_advised_if_a_for_rule_and_all_needs_hold_and_nothing_blocks_it(
    facts: frozenset[str],
) -> None:
    views = decided(facts)
    assert [opinion.technique for opinion in views] == list(ORDER)
    for opinion in views:
        rules = BY_NAME[opinion.technique].rules
        wanted = bool(facts & rules["for"].keys()) and not facts & rules["blocks"].keys()
        complete = rules["needs"].keys() <= facts
        assert opinion.verdict == ("no" if not wanted else "use" if complete else "wait")
        assert opinion.because if wanted else opinion.but
        assert opinion.missing or opinion.verdict != "wait"
    assert set(stack_of(views)) == {opinion.technique for opinion in views if opinion.verdict == "use"}


@given(st.frozensets(st.sampled_from(sorted(FACTS))), st.sampled_from(sorted(FACTS)))
def test_warnings_decide_nothing(facts: frozenset[str], more: str) -> None:
    for before, after in zip(decided(facts), decided(facts | {more}), strict=True):
        rules = BY_NAME[before.technique].rules
        if all(more not in rules[kind] for kind in ("needs", "for", "blocks")):
            assert before.verdict == after.verdict
