"""Rewards that compare with right answers."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from posttrain.rewards.match import (
    ContainsReward,
    MatchReward,
    label_score,
    make_contains_reward,
    make_match_reward,
    normalise_text,
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


RIGHT = (
    ("12  mg", "12 mg", 1.0),
    ("12 mg daily", "12 mg", 0.0),
    ("Cologne", ["Köln", "Cologne"], 1.0),
    ("Koln", ["Köln", "Cologne"], 0.0),
    ("Ko\u0308ln", "K\u00f6ln", 1.0),
    ("false", False, 1.0),
    ("False", False, 0.0),
    ("3", [2, 3], 1.0),
)


@pytest.mark.parametrize(("completion", "target", "value"), RIGHT)
def test_one_of_several_right_answers_is_enough(completion: str, target: Any, value: float) -> None:
    assert make_match_reward(MatchReward(kind="match"), Path())([completion], [{"target": target}]) == [value]


HELD = (
    ("Take 12 MG daily", "12 mg", 1.0),
    ("Take 120 g", "12 mg", 0.0),
    ("Take 2.5 mg or -5 mg.", "5 mg", 0.0),
    ("Take 3-5 mg.", "5 mg", 1.0),
    ("It rose by 5%.", 5, 0.0),
    ("It is on the agenda.", "gen", 0.0),
    ("Das ist in K\u00f6ln.", ["Bonn", "ko\u0308ln"], 1.0),
    ("我住在北京市。", "北京", 1.0),
    ("It is written in C++.", "c++", 1.0),
)


@pytest.mark.parametrize(("completion", "target", "value"), HELD)
def test_contains(completion: str, target: Any, value: float) -> None:
    assert make_contains_reward(ContainsReward(kind="contains"), Path())([completion], [{"target": target}]) == [value]


@pytest.mark.parametrize(
    ("target", "problem"), [([], "empty list"), (["a", None], "list of texts"), ({"a": 1}, "json_fields")]
)
@pytest.mark.parametrize("reward", [make_match_reward(MatchReward(kind="match"), Path())])
def test_a_target_that_cannot_be_compared_is_a_failure(reward: Any, target: Any, problem: str) -> None:
    (failed,) = reward(["yes"], [{"target": target}])
    assert isinstance(failed, Failed)
    assert problem in failed.reason


def test_an_empty_target_is_a_failure_of_contains() -> None:
    (failed,) = make_contains_reward(ContainsReward(kind="contains"), Path())(["yes"], [{"target": " "}])
    assert isinstance(failed, Failed)
    assert "every answer contains that" in failed.reason


def test_a_target_that_is_json_is_a_failure_with_the_next_step() -> None:
    (failed,) = make_match_reward(MatchReward(kind="match"), Path())(["{}"], [{"target": {}}])
    assert isinstance(failed, Failed)
    assert "json_fields" in failed.reason


def test_labels_and_how_go_together() -> None:
    for options in ({"how": "label"}, {"labels": ("a",)}):
        with pytest.raises(ValidationError, match="`labels` go with"):
            MatchReward.model_validate({"kind": "match", **options})
