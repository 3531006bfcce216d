"""The code reward on answers in the forms of chat models: every right answer scores 1, every wrong one 0."""

from pathlib import Path

import pytest

from code_answers import FORMS, PROBLEMS
from posttrain.rewards.code import CodeReward, make_code_reward
from posttrain.rewards.types import RewardFn
from sandbox_boxes import need_bubblewrap


@pytest.fixture(scope="module")
def reward() -> RewardFn:
    need_bubblewrap()
    return make_code_reward(CodeReward(kind="code"), Path())


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_right_answer_scores_one_and_a_wrong_one_zero_in_every_form(reward: RewardFn, name: str) -> None:
    problem = PROBLEMS[name]
    right = [form(problem.right, problem.wrong, problem.usage) for form in FORMS.values()]
    wrong = [form(problem.wrong, problem.right, problem.usage) for form in FORMS.values()]
    scores = list(reward(right + wrong, [problem.row] * len(right + wrong)))
    assert dict(zip(FORMS, scores, strict=False)) == dict.fromkeys(FORMS, 1.0)
    assert dict(zip(FORMS, scores[len(FORMS) :], strict=True)) == dict.fromkeys(FORMS, 0.0)
