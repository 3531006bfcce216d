"""Verifiable instructions: each type is kept and broken as its rule has it."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruction_answers import CASES
from posttrain.errors import InputError
from posttrain.rewards.instructions.languages import KNOWN_CODES, is_in_language
from posttrain.rewards.instructions.reward import (
    InstructionsReward,
    instructions_kept,
    loose_forms,
    make_instructions_reward,
)
from posttrain.rewards.instructions.sentences import count_sentences
from posttrain.rewards.instructions.table import INSTRUCTION_TYPES, SHORT_NAMES, instructions_of
from posttrain.rewards.types import Failed


def test_the_25_types_of_ifeval_are_there_with_cases_and_short_names() -> None:
    assert INSTRUCTION_TYPES.keys() == CASES.keys()
    assert len(INSTRUCTION_TYPES) == len(SHORT_NAMES) == 25 + 1


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
def test_an_answer_that_keeps_an_instruction_and_one_that_breaks_it(name: str, data: st.DataObject) -> None:
    arguments, kept, broken = CASES[name](data.draw)
    (one,) = instructions_of({"instruction_id_list": [name], "kwargs": [arguments]})
    assert one.kept(kept)
    assert not one.kept(broken)


@pytest.mark.parametrize("name", CASES)
@given(data=st.data(), fence=st.sampled_from(["Sure!\n{}", "{}\nI hope it helps.", "Sure!\n\n{}\n\nI hope it helps."]))
def test_loose_keeps_what_strict_keeps_and_forgives_lines_around(name: str, data: st.DataObject, fence: str) -> None:
    arguments, kept, broken = CASES[name](data.draw)
    instructions = instructions_of({"instruction_id_list": [name], "kwargs": [arguments]})
    for answer in (kept, broken, fence.format(kept)):
        assert instructions_kept(answer, instructions, loose=True) >= instructions_kept(answer, instructions)
    if kept and kept == kept.strip():
        assert instructions_kept(fence.format(kept), instructions, loose=True) == [True]


def test_the_loose_forms_are_the_eight_of_the_paper() -> None:
    assert set(loose_forms("*a*\nb\n*c*")) == {
        "*a*\nb\n*c*",
        "a\nb\nc",
        "b\n*c*",
        "b\nc",
        "*a*\nb",
        "a\nb",
        "b",
    }


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("One. Two! Three? Four", 4),
        ("Dr. Wu (e.g. J. Wu) paid 3.5 dollars. Yes", 2),
        ("1. First point.\n2. Second point.", 2),
        ('They wrote "No." Then they left…', 2),
        ("A title\n\nA sentence.", 2),
        ("これは文です。これも。", 2),
        ("...", 0),
    ],
)
def test_sentences_are_counted(text: str, count: int) -> None:
    assert count_sentences(text) == count


SAMPLES = {
    "fi": "Se on talo, joka on suuri, mutta ei niin kaunis kuin muut.",
    "sw": "Hii ni nyumba ya watu wa mji na ni kubwa sana.",
    "vi": "Đây là một ngôi nhà của tôi và không có người.",
    "pl": "To nie jest dom, ale jest to miejsce dla nas i dla was.",
    "tr": "Bu ev çok güzel ve daha büyük bir bahçe ile var.",
    "ru": "Это дом.",
    "hi": "यह एक घर है।",
    "ko": "이것은 집입니다.",
    "bn": "এটি একটি বাড়ি।",
    "el": "Αυτό είναι ένα σπίτι.",
    "zh": "这是一座房子。",
    "ja": "これは家です。",
    "fr": "C'est une maison qui est dans la ville et les enfants ne sont pas là avec nous.",
    "en": "This is a house that is in the city and it is not for sale.",
}


@pytest.mark.parametrize("code", SAMPLES)
def test_a_language_is_recognised_and_no_other_one(code: str) -> None:
    same_script = {"ru": {"bg", "uk", "sr", "mk"}, "hi": {"mr", "ne"}}.get(code, set())
    assert {other for other in KNOWN_CODES if is_in_language(SAMPLES[code], other)} == {code} | same_script


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "needs either"),
        ({"metadata": {"instructions": []}}, "empty"),
        ({"metadata": {"instructions": ["no_comma"]}}, "list of objects"),
        ({"metadata": {"instructions": [{"kind": "no_commas"}]}}, r"instructions\[0\]: there is no instruction"),
        ({"metadata": {"instructions": [{"kind": "number_words", "num_words": 5}]}}, "relation"),
        ({"instruction_id_list": ["punctuation:no_comma"], "kwargs": []}, "same length"),
        ({"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{"x": 1}]}, r"kwargs\[0\]: .*x: Extra"),
        ({"instruction_id_list": ["number_words"], "kwargs": [{"num_words": 5, "relation": "more"}]}, "relation"),
        ({"instruction_id_list": ["response_language"], "kwargs": [{"language": "xx"}]}, "known are en, de"),
        (
            {
                "instruction_id_list": ["nth_paragraph_first_word"],
                "kwargs": [{"num_paragraphs": 1, "nth_paragraph": 2, "first_word": "a"}],
            },
            "at most `num_paragraphs`, 1",
        ),
    ],
)
def test_wrong_instructions_are_refused(row: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        instructions_of(row)


def test_both_forms_of_rows_give_the_same_instructions() -> None:
    listed = {"metadata": {"instructions": [{"kind": "number_words", "num_words": 5, "relation": "at least"}]}}
    arguments = {"num_words": 5, "relation": "at least", "keywords": None}
    columns = {"instruction_id_list": ["length_constraints:number_words"], "kwargs": [arguments]}
    assert instructions_of(listed) == instructions_of(columns)


def test_the_reward_is_the_share_of_kept_instructions() -> None:
    row = {"metadata": {"instructions": [{"kind": "no_comma"}, {"kind": "title"}]}}
    answers = ["<<a>> b", "a b", "a, b", "  ", "**<<a>>** b, c\nlast"]
    share = make_instructions_reward(InstructionsReward(kind="instructions"), Path())
    whole = make_instructions_reward(InstructionsReward(kind="instructions", whole=True), Path())
    loose = make_instructions_reward(InstructionsReward(kind="instructions", loose=True), Path())
    assert share(answers, [row] * 5) == [1.0, 0.5, 0.0, 0.0, 0.5]
    assert whole(answers, [row] * 5) == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert loose(answers, [row] * 5) == [1.0, 0.5, 0.0, 0.0, 1.0]
    (failed,) = share(["a"], [{}])
    assert isinstance(failed, Failed)
