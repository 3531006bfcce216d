"""`posttrain keys KIND` prints one kind's keys, with those that it shares."""

import pytest

from command_line import Posttrain
from posttrain.errors import InputError
from posttrain.recipe.reference import kind_reference, reference
from posttrain.recipe.stages.registry import STAGES


@pytest.mark.parametrize("kind", STAGES)
def test_every_kind_of_stage_has_its_section_of_the_page(kind: str) -> None:
    text = kind_reference(kind)
    assert text.startswith(f"## Stage `{kind}`")
    assert all(section in reference() for section in text.split("\n## "))


def test_a_kind_of_reward_or_suite_works_too_and_shared_keys_follow() -> None:
    assert "## Reward `length`" in kind_reference("length")
    assert "## Suite `refusal`" in kind_reference("refusal")
    assert "`learning_rate`" in kind_reference("dpo")


def test_an_unknown_kind_names_a_similar_one(posttrain: Posttrain) -> None:
    with pytest.raises(InputError, match="did you mean grpo"):
        kind_reference("gpro")
    done = posttrain("keys", "nothing-like-it")
    assert done.code == 2
    assert "the kinds are" in done.err
    assert "## Stage `sft`" in posttrain("keys", "sft").out
