"""The reward `style`: each check, and the share of checks that are kept."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from posttrain.rewards.registry import REWARD_KINDS
from posttrain.rewards.style import StyleReward, make_style_reward, style_values


def options(**keys: Any) -> StyleReward:
    return StyleReward.model_validate({"kind": "style", **keys})


@pytest.mark.parametrize(
    ("keys", "text", "kept"),
    [
        ({"max_words": 3}, "One two three!", True),
        ({"max_words": 3}, "One two three - four", False),
        ({"min_words": 2}, "One", False),
        ({"max_grade": 2}, "The cat sat on the mat.", True),
        ({"max_grade": 2}, "Administration necessitates hydration.", False),
        ({"min_grade": 5}, "The cat sat on the mat.", False),
        ({"avoid_person": ["first"]}, "I'd take it.", False),
        ({"avoid_person": ["first"]}, "Let us see.", False),
        ({"avoid_person": ["first"]}, "It is sold in the US, i.e. widely.", True),
        ({"avoid_person": ["second"]}, "Is it yours?", False),
        ({"avoid_person": ["second", "third"]}, "It is a youth's theme.", True),
        ({"avoid_person": ["third"]}, "They take it.", False),
        ({"forbidden": ["to be honest"]}, "To  be\nhonest, no.", False),
        ({"forbidden": ["cat"]}, "A category", True),
        ({"required": ["ask your doctor", "label"]}, "Ask your doctor, and read the Label.", True),
        ({"required": ["ask your doctor", "label"]}, "Ask your doctor.", False),
        ({"greeting": "required"}, "**Hello**, Ann!", True),
        ({"greeting": "required"}, "Take it. Hello", False),
        ({"greeting": "forbidden"}, "Hi there", False),
        ({"greeting": "forbidden"}, "History is long.", True),
        ({"greeting": "required", "greetings": ["Grüß Gott"]}, "Grüß Gott!", True),
        ({"sign_off": "required"}, "Take one.\n\nKind regards,\nAnn", True),
        ({"sign_off": "required"}, "With regards to the dose, take one " + "more " * 12, False),
        ({"sign_off": "forbidden"}, "Take one. Best wishes", False),
        ({"max_exclamations": 1}, "Yes! No!", False),
        ({"max_exclamations": 0}, "Yes.", True),
    ],
)
def test_a_check_is_kept_or_broken(keys: dict[str, Any], text: str, kept: bool) -> None:
    assert list(style_values(options(**keys), text).values()) == [float(kept)]


def test_the_reward_is_the_share_of_checks_that_are_kept() -> None:
    score = make_style_reward(options(max_words=5, forbidden=["no"], max_exclamations=0), Path())
    assert score(["Yes.", "No!", "No"], [{}, {}, {}]) == [1.0, pytest.approx(1 / 3), pytest.approx(2 / 3)]
    assert "style" in REWARD_KINDS


@pytest.mark.parametrize(
    "keys",
    [{}, {"greetings": ["Hi"]}, {"forbidden": ["!"]}, {"min_words": 5, "max_words": 4}, {"avoid_person": ["fourth"]}],
)
def test_options_that_check_nothing_or_contradict_each_other_are_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        options(**keys)
