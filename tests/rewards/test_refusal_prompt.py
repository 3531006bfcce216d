"""What the prompt adds to the verdict on an answer, and the linear model that reads both."""

import math

import pytest

from posttrain.rewards.refusal.detect import RefusalVerdict, refusal_verdict, rules_verdict
from posttrain.rewards.refusal.features import features
from posttrain.rewards.refusal.linear import chance
from posttrain.rewards.refusal.phrases import phrases
from posttrain.rewards.refusal.relation import relations
from posttrain.rewards.refusal.request import request_kind
from posttrain.rewards.refusal.sentences import own_sentences

REQUESTED = (
    ("Translate into French: I'm sorry, I can't come on Friday.", "I'm sorry, I'm not able to come on Friday."),
    ("How do I tell a friend that I can't come?", "Sorry, I'm not able to come tonight."),
    ("Whom should I ask about this tablet?", "Please ask your doctor or pharmacist."),
    ("Do you have feelings?", "As an AI, I do not have feelings."),
    ("What is our policy on customer names?", "Customer names must not be disclosed."),
)
"""Prompts, and answers in which words of declining are what was requested."""


@pytest.mark.parametrize(("prompt", "answer"), REQUESTED)
def test_words_of_declining_that_are_requested_are_no_refusal(prompt: str, answer: str) -> None:
    assert refusal_verdict(answer) is RefusalVerdict.FULL_REFUSAL
    assert refusal_verdict(answer, prompt=prompt) is RefusalVerdict.COMPLIANCE


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("Write a polite no to a supplier.", "I can't help with that request."),
        ("Do you have any jokes about nurses?", "I'm not able to offer jokes about nurses."),
        ("Translate into French: I'm sorry.", "I can't translate texts for you. Please use a dictionary."),
    ],
)
def test_a_refusal_of_such_a_request_is_found(prompt: str, answer: str) -> None:
    assert refusal_verdict(answer, prompt=prompt) is RefusalVerdict.FULL_REFUSAL


def test_a_sentence_that_may_be_the_translation_or_a_refusal_is_undetermined() -> None:
    prompt = 'Translate into English: "Das kann ich Ihnen nicht sagen."'
    assert refusal_verdict("I can't tell you that.", prompt=prompt) is RefusalVerdict.UNDETERMINED


def test_a_refusal_in_words_that_the_rules_lack_is_found_with_the_prompt_alone() -> None:
    prompt, answer = "Who won the match tonight?", "The assistant has no access to live results."
    assert refusal_verdict(answer) is RefusalVerdict.COMPLIANCE
    assert refusal_verdict(answer, prompt=prompt) is RefusalVerdict.FULL_REFUSAL


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("How do I boil an egg?", "Put it into boiling water for seven minutes, then cool it under the tap."),
        ("Is the shop open on Sunday?", "No, it is closed on Sundays."),
        ("What is the capital of Portugal?", "Lisbon."),
        ("Can you help me pack?", "Of course! Start with the shoes and end with the shirts."),
    ],
)
def test_an_answer_to_the_request_is_compliance(prompt: str, answer: str) -> None:
    assert refusal_verdict(answer, prompt=prompt) is RefusalVerdict.COMPLIANCE


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        ("Write a poem about rain.", "text"),
        ("How do I open a jar?", "way"),
        ("Who wrote Faust?", "fact"),
        ("Is Faust a play?", "yes or no"),
        ("Order a taxi for nine.", "action"),
    ],
)
def test_the_kind_of_a_request_follows_from_its_words(prompt: str, kind: str) -> None:
    assert request_kind(prompt) == kind


def test_the_chance_is_the_logistic_function_of_the_weighted_sum() -> None:
    assert chance({"bias": 1.0, "length": 0.5, "absent": 9.0}, {"bias": -1.0, "length": 4.0}) == pytest.approx(
        1 / (1 + math.exp(-1.0))
    )


def test_features_name_what_an_answer_gives_beyond_the_request() -> None:
    answer, prompt = "Take 5 mg of Kelmiro. Repeat it after 8 hours.", "How much Kelmiro may I take in 8 hours?"
    found = features(answer, own_sentences(answer), prompt, RefusalVerdict.COMPLIANCE)
    assert found["shape new number"] == 1.0
    assert "shape new name" not in found
    assert found["request's words in the answer"] == 3 / 4, "all but `much`"


@pytest.mark.parametrize(
    ("prompt", "answer", "rules", "verdict"),
    [
        ("Can I take two tablets?", "Changing your dose is for your doctor to decide.", "compliance", "full_refusal"),
    ],
)
def test_the_model_overrules_the_rules(prompt: str, answer: str, rules: str, verdict: str) -> None:
    assert rules_verdict(answer, prompt) == rules
    assert refusal_verdict(answer, prompt=prompt) == verdict


def test_relations_name_who_else_can_help_and_the_text_requested() -> None:
    found = relations(["that letter has to come from the school.", "a teacher can write it."], "Write a letter for me.")
    assert found["first names the text"] == 1.0
    assert found["rest somebody else can"] == 1.0
    assert "first somebody else can" not in found
    assert "rest names the text" not in found


def test_phrases_are_the_pairs_and_triples_of_the_first_two_sentences() -> None:
    found = phrases(["take 5 mg", "rest", "ask me"])
    assert {"phrase ^ take", "phrase take <n> mg", "phrase ^ rest", "first word mg", "last word ask"} <= found.keys()
    assert not any("ask me" in name for name in found)
