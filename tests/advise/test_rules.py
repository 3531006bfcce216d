"""The table of rules: it is complete, it reads, and nothing but it decides."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advising import LAPTOP
from posttrain.advise.answers import Answers
from posttrain.advise.decide import Opinion, opinions, stack_of
from posttrain.advise.facts import Case, case_of
from posttrain.advise.machine import Model
from posttrain.advise.profile import Seen
from posttrain.advise.rules import FACTS, ORDER, SPEAKS, TECHNIQUES, Technique

NOTHING = case_of(Seen(), Answers(), Model("model", False, None, False, None, 4.0), LAPTOP)
BY_NAME = {technique.name: technique for technique in TECHNIQUES}


def rules_of(technique: Technique) -> list[tuple[str, str]]:
    return [(fact, says) for speaks in SPEAKS for fact, says in technique.rules[speaks].items()]


def test_every_rule_stands_on_a_fact_and_every_fact_bears_a_rule() -> None:
    used = {fact for technique in TECHNIQUES for fact, _ in rules_of(technique)}
    assert used == set(FACTS)


@pytest.mark.parametrize("name", ORDER)
def test_every_figure_that_a_reason_quotes_is_there(name: str) -> None:
    technique = BY_NAME[name]  # type: ignore[index]
    said = [technique.otherwise, *(says for _, says in rules_of(technique))]
    quoted = {field for says in said for _, field, _, _ in string.Formatter().parse(says) if field}
    assert quoted <= set(NOTHING.figures)
    assert technique.enough.figure in NOTHING.figures


def decide(facts: frozenset[str]) -> list[Opinion]:
    return opinions(Case(facts, NOTHING.figures, False))


@given(st.frozensets(st.sampled_from(sorted(FACTS))))
def test_a_technique_is_advised_if_something_speaks_for_it_all_it_needs_is_there_and_nothing_blocks_it(
    facts: frozenset[str],
) -> None:
    found = decide(facts)
    assert [opinion.technique for opinion in found] == list(ORDER)
    for opinion in found:
        rules = BY_NAME[opinion.technique].rules
        wanted = bool(facts & rules["for"].keys()) and not facts & rules["blocks"].keys()
        there = rules["needs"].keys() <= facts
        assert opinion.verdict == ("no" if not wanted else "use" if there else "wait")
        assert opinion.because if wanted else opinion.but
        assert opinion.missing or opinion.verdict != "wait"
    assert set(stack_of(found)) == {opinion.technique for opinion in found if opinion.verdict == "use"}


@given(st.frozensets(st.sampled_from(sorted(FACTS))), st.sampled_from(sorted(FACTS)))
def test_what_is_only_to_be_minded_decides_nothing(facts: frozenset[str], more: str) -> None:
    for before, after in zip(decide(facts), decide(facts | {more}), strict=True):
        rules = BY_NAME[before.technique].rules
        if all(more not in rules[speaks] for speaks in ("needs", "for", "blocks")):
            assert before.verdict == after.verdict
