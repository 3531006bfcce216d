"""Rewards of plain text: matches, patterns, penalties."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from posttrain.rewards.text import (
    LengthReward,
    MatchReward,
    RegexReward,
    RepetitionReward,
    label_score,
    length_penalty,
    make_length_reward,
    make_match_reward,
    make_regex_reward,
    make_repetition_reward,
    normalise_text,
    regex_score,
    repetition_penalty,
)
from posttrain.rewards.types import Failed, NotApplicable

MATCHES = (
    ("exact", " 12 mg\n", "12 mg", 1.0),
    ("exact", "12 MG", "12 mg", 0.0),
    ("normalised", "  “12 MG”, daily!", "12 mg daily", 1.0),
    ("normalised", "ﬁve  apples", "five apples", 1.0),
    ("normalised", "50 %", "50%", 1.0),
    ("normalised", "1.2 mg", "12 mg", 0.0),
    ("normalised", "-5", "5", 0.0),
    ("normalised", "−5", "-5", 1.0),
)


@pytest.mark.parametrize(("how", "completion", "target", "value"), MATCHES)
def test_match(how: Any, completion: str, target: str, value: float) -> None:
    batch = make_match_reward(MatchReward(kind="match", how=how), Path())
    assert batch([completion], [{"target": target}]) == [value]


@given(st.text(max_size=80))
@example(".0a")
@example("v1.0b")
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise_text(normalise_text(text)) == normalise_text(text)
    assert normalise_text(f"  {text.upper().lower()}\n") == normalise_text(text.upper().lower())


LABELS = ("yes", "no", "maybe", "not applicable", "applicable")


@pytest.mark.parametrize(
    ("completion", "target", "value"),
    [
        ("Yes.", "yes", 1.0),
        ("The answer: YES, yes!", "Yes", 1.0),
        ("yes or no", "yes", 0.0),
        ("I know", "no", 0.0),
        ("It is not applicable", "not applicable", 1.0),
        ("It is not applicable", "applicable", 0.0),
        ("", "yes", 0.0),
    ],
)
def test_a_label_must_be_named_alone(completion: str, target: str, value: float) -> None:
    assert label_score(completion, target, LABELS) == value


def test_naming_every_label_scores_zero() -> None:
    for target in LABELS:
        assert label_score(" ".join(LABELS), target, LABELS) == 0.0


def test_a_target_that_is_no_label_is_a_failure() -> None:
    batch = make_match_reward(MatchReward(kind="match", how="label", labels=LABELS), Path())
    failed, null = batch(["yes", "yes"], [{"target": "perhaps"}, {"target": None}])
    assert isinstance(failed, Failed)
    assert "'perhaps' is none of the labels" in failed.reason
    assert null == NotApplicable("`target` is null")


def test_a_target_that_is_json_is_a_failure_with_the_next_step() -> None:
    (failed,) = make_match_reward(MatchReward(kind="match"), Path())(["{}"], [{"target": {}}])
    assert isinstance(failed, Failed)
    assert "json_fields" in failed.reason


def test_labels_and_how_go_together() -> None:
    for options in ({"how": "label"}, {"labels": ("a",)}):
        with pytest.raises(ValidationError, match="`labels` go with"):
            MatchReward.model_validate({"kind": "match", **options})


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
