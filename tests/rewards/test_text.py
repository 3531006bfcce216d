"""Rewards of plain text: patterns and penalties."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from posttrain.rewards.text import (
    LengthReward,
    RegexReward,
    RepetitionReward,
    length_penalty,
    make_length_reward,
    make_regex_reward,
    make_repetition_reward,
    regex_score,
    repetition_penalty,
)
from posttrain.rewards.types import Failed


def test_a_pattern_is_searched_or_matches_all() -> None:
    assert regex_score("dose: 12 mg", r"\d+ mg") == 1.0
    assert regex_score("dose: 12 mg", r"\d+ mg", full=True) == 0.0
    assert make_regex_reward(RegexReward(kind="regex", pattern=r"^\d+$"), Path())(["12", "x"], [{}, {}]) == [1.0, 0.0]


def test_a_search_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posttrain.rewards.text.PATTERN_SECONDS", 0.1)
    batch = make_regex_reward(RegexReward(kind="regex", pattern=r"(a|aa|a?b?)+$"), Path())
    hostile, good = batch(["a" * 200 + "!", "aaa"], [{}, {}])
    assert isinstance(hostile, Failed)
    assert "TimeoutError" in hostile.reason
    assert good == 1.0


def test_a_broken_pattern_is_an_error_when_the_recipe_is_read() -> None:
    with pytest.raises(ValidationError, match="no regular expression"):
        RegexReward(kind="regex", pattern="(")


def test_length_costs_nothing_then_more_and_at_most_one() -> None:
    assert [length_penalty(n, 10, 4) for n in (0, 10, 11, 12, 14, 99)] == [0, 0, -0.25, -0.5, -1, -1]
    words = make_length_reward(LengthReward(kind="length", free=1, margin=2), Path())
    letters = make_length_reward(LengthReward(kind="length", unit="characters", free=1, margin=10), Path())
    assert words(["a bc"], [{}]) == [-0.5]
    assert letters(["a bc"], [{}]) == [-0.3]


@pytest.mark.parametrize(
    ("text", "n", "penalty"), [("a b c a b c", 3, -0.25), ("a a a a", 1, -0.75), ("a b c d", 2, 0.0), ("a a", 3, 0.0)]
)
def test_repeated_ngrams_cost_their_share(text: str, n: int, penalty: float) -> None:
    assert make_repetition_reward(RepetitionReward(kind="repetition", n=n), Path())([text], [{}]) == [penalty]


@given(st.lists(st.sampled_from("abc"), max_size=40), st.integers(1, 4))
def test_only_repeated_ngrams_cost(words: list[str], n: int) -> None:
    grams = len(words) - n + 1
    repeated = sum(any(words[i : i + n] == words[j : j + n] for j in range(i)) for i in range(grams))
    assert repetition_penalty(words, n) == pytest.approx(-repeated / grams if grams > 0 else 0.0)
