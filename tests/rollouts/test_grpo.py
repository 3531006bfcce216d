"""GRPO's columns, by hand."""

import numpy as np
import pytest
from hypothesis import given

from experiences import NONE, experience, experiences, generation, numbered_prompt
from posttrain.advantages.options import GRPOAdvantageOptions
from posttrain.core.group import Floats, Group
from posttrain.rollouts.grpo import grpo_advantages
from posttrain.rollouts.types import AdvantageFn, Rollout, RolloutState


def credit_of(*, scale: bool = True, mask_truncated: bool = False) -> AdvantageFn:
    return grpo_advantages(
        GRPOAdvantageOptions(scale_rewards="group" if scale else "none", mask_truncated=mask_truncated), reference=None
    )


def columns(credit: AdvantageFn, rollout: Rollout) -> list[list[float]]:
    groups, measured, memory = credit(rollout, RolloutState(5, 0.1, {"a": 1}))
    assert measured == {}
    assert memory == RolloutState(5, 0.1, {"a": 1})
    return [group.columns["advantage"].tolist() for group in groups]


def test_a_completions_advantage_is_repeated_at_each_of_its_tokens() -> None:
    rollout = experience(
        [[1.0, 0.0], [3.0, 5.0]], [[generation([4, 5, 6]), generation([7])], [generation([8]), generation([9, 10])]]
    )
    assert columns(credit_of(scale=False), rollout) == [[0.5, 0.5, 0.5, -0.5], [-1.0, 1.0, 1.0]]
    deviation = np.sqrt(0.5)  # of 1 and 0, as a sample's
    scaled = 0.5 / (deviation + 1e-4)
    assert columns(credit_of(), rollout)[0] == pytest.approx([scaled] * 3 + [-scaled])


def test_a_completion_without_a_reward_does_not_enter_the_group_mean() -> None:
    rollout = experience([[1.0, NONE, 0.0], [NONE, NONE, 4.0], [NONE, NONE, NONE]])
    assert columns(credit_of(scale=False), rollout) == [[0.5, 0.0, -0.5], [0.0] * 3, [0.0] * 3]


def test_equal_rewards_teach_nothing() -> None:
    assert columns(credit_of(), experience([[0.3, 0.3, 0.3, NONE]])) == [[0.0] * 4]


def test_a_truncated_completion_does_not_enter_the_group_mean_if_it_is_masked() -> None:
    written = [[generation([4, 5], ended=False), generation([6]), generation([7])]]
    rollout = experience([[9.0, 1.0, 0.0]], written)
    assert columns(credit_of(scale=False, mask_truncated=True), rollout) == [[0.5, -0.5]]
    (group,), *_ = credit_of(scale=False, mask_truncated=True)(rollout, RolloutState())
    assert [c.loss.tolist() for c in group.completions] == [[False, False], [True], [True]], "it bears no loss at all"
    assert len(group.columns["old_logp"]) == 2
    every = columns(credit_of(scale=False), rollout)
    assert every == [pytest.approx([17 / 3, 17 / 3, -7 / 3, -10 / 3])]


@given(experiences)
def test_every_token_has_an_advantage_and_groups_are_centred(rollout: Rollout) -> None:
    for group, values, written in zip(rollout.groups(), columns(credit_of(), rollout), rollout.written, strict=True):
        assert len(values) == group.loss_tokens
        assert np.isfinite(values).all()
        ends = np.cumsum([len(one.tokens) for one in written]) - 1
        assert sum(values[end] for end in ends) == pytest.approx(0.0, abs=1e-4)


def test_the_reference_gives_a_column_and_the_kl_metrics() -> None:
    rollout = experience([[1.0, 0.0]], [[generation([4, 5], [-1.0, -2.0]), generation([6], [-3.0])]])

    def reference(groups: object) -> list[Floats]:
        return [np.array([-1.5, -2.0, -2.0], np.float32)]

    credit = grpo_advantages(GRPOAdvantageOptions(scale_rewards="none", mask_truncated=False), reference=reference)
    (group,), measured, _ = credit(rollout, RolloutState())
    assert isinstance(group, Group)
    assert group.columns["ref_logp"].tolist() == [-1.5, -2.0, -2.0]
    assert group.columns["old_logp"].tolist() == [-1.0, -2.0, -3.0]
    k3 = [np.exp(-0.5) - 1 + 0.5, 0.0, np.exp(1.0) - 1 - 1.0]
    assert measured["kl"] == pytest.approx(sum(k3) / 3)
    assert measured["objective/kl"] == pytest.approx((0.5 - 1.0) / 2)
    assert group.where == numbered_prompt(0).where
