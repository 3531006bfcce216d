"""Numbers of a text, and whether a source has them."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posttrain.rewards.grounded_numbers import (
    GroundedNumbersReward,
    grounded_share,
    make_grounded_numbers_reward,
    ungrounded_numbers,
)
from posttrain.rewards.numbers_in_text import readings, text_numbers
from posttrain.rewards.types import Failed, NotApplicable


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("5mg, 1,000 IU and 3,5 mL", ["5mg", "1,000 IU", "3.5 mL"]),
        ("On 12/05/2024 it was 120/80 mmHg.", ["12/05/2024", "120/80 mmHg"]),
        ("1. Take 5 mg.\n2) Rest.", ["5 mg"]),
        ("1.  Anaemia. 2. Pain at 7. 3.  Cough: (1) dry", ["7"]),
        ("in their 70s for 30 s", ["70", "30 s"]),
        ("Vitamin B12, HbA1c, T4-L5, v1.2.3", []),
        ("a 26-year-old on the 3rd visit", ["26 year", "3"]),
        ("$18.50, -3 and 50%", ["$18.50", "3", "50%"]),
        ("5-10 mg for 1 hour 30 minutes", ["5", "10 mg", "1 hour 30 minutes"]),
        ("two tablets", []),
    ],
)
def test_the_numbers_of_a_text(text: str, numbers: list[str]) -> None:
    assert [number.text for number in text_numbers(text)] == numbers


@pytest.mark.parametrize(
    ("summary", "source"),
    [
        ("5 mg", "5mg"),
        ("1,000", "1000"),
        ("1000 IU", "1 000 IU"),
        ("5 mg", "0.005 g"),
        ("90 minutes", "1 hour 30 minutes"),
        ("100 mg", "Take 5 100 mg tablets"),
        ("5 mg to 10 mg", "5-10 mg"),
        ("50%", "a share of 0.5"),
        ("2 tablets", "two tablets"),
        ("2 times", "twice a day"),
        ("26-year-old", "I am twenty six"),
        ("in 2008", "August of two thousand and eight"),
        ("1.5 mg", "1,5 mg"),
        ("in 1984", "in nineteen eighty four"),
        ("133", "one thirty three"),
        ("the 5th day", "the fifth day"),
        ("12-05-2024", "12/05/2024"),
        ("3rd", "3 visits"),
        ("COVID-19", "COVID-19"),
    ],
)
def test_a_number_that_the_source_has_in_another_form_is_grounded(summary: str, source: str) -> None:
    assert ungrounded_numbers(summary, source) == []


@pytest.mark.parametrize(
    ("summary", "source"),
    [
        ("5 mg", "6 mg"),
        ("5 mg", "5 mL"),
        ("5 mg", "15 mg"),
        ("5 mg", "1.5 mg"),
        ("50 mcg", "50 mg"),
        ("26 months", "26 years"),
        ("1000", "1,000,000"),
        ("120/80", "130/80"),
        ("35", "3.5"),
        ("5 mg", "no number"),
    ],
)
def test_a_number_that_the_source_does_not_have_is_named(summary: str, source: str) -> None:
    (number,) = ungrounded_numbers(f"It was {summary}.", source)
    assert number == summary


NUMBERS = st.integers(0, 10**7)


@given(st.lists(NUMBERS, min_size=1, max_size=6, unique=True), st.data())
def test_the_share_counts_the_numbers_of_the_source(values: list[int], data: st.DataObject) -> None:
    kept = data.draw(st.sets(st.sampled_from(values)))
    source = "; ".join(f"{value:,} kg" for value in kept)
    summary = "; ".join(f"{value}kg" for value in values)
    assert grounded_share(summary, source) == len(kept) / len(values)


SMALL = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen"""
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety"


def words(value: int) -> str:
    """A number in English words."""
    if value < 20:
        return SMALL.split()[value]
    if value < 100:
        return TENS.split()[value // 10] + (f"-{words(value % 10)}" if value % 10 else "")
    if value < 1000:
        return f"{words(value // 100)} hundred" + (f" and {words(value % 100)}" if value % 100 else "")
    return f"{words(value // 1000)} thousand" + (f" {words(value % 1000)}" if value % 1000 else "")


@given(st.integers(0, 999_999))
def test_a_number_in_words_is_read(value: int) -> None:
    assert Fraction(value) in {one.value for one in readings(f"There were {words(value)} of them.")}


def test_the_reward_reads_the_source_of_the_row() -> None:
    rows: list[dict[str, Any]] = [
        {"input": "5 mg"},
        {"prompt": [{"role": "user", "content": "in 50 words: 5 mg"}], "metadata": None},
        {"input": "in 50 words", "metadata": {"source": "5 mg"}},
        {"input": "7 mg", "note": "x"},
        {"input": "7 mg"},
        {"metadata": {"source": 5}},
    ]
    answers = ["5 mg and 6 mg", "5 mg", "50 mg", "8 mg", "none", "5"]
    half, whole, none, wrong, left_out, failed = make_grounded_numbers_reward(
        GroundedNumbersReward(kind="grounded_numbers"), Path()
    )(answers, rows)
    assert (half, whole, none, wrong) == (0.5, 1.0, 0.0, 0.0)
    assert isinstance(left_out, NotApplicable)
    assert isinstance(failed, Failed)
    named = make_grounded_numbers_reward(GroundedNumbersReward(kind="grounded_numbers", source="note"), Path())
    assert named(["5"], [{"input": "5", "note": "6"}]) == [0.0]
