"""GRPO's columns, by hand."""

from collections.abc import Sequence

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


def with_reference(options: GRPOAdvantageOptions, rollout: Rollout, kl_weight: float) -> tuple[list[Floats], object]:
    """The advantages by group, and the metrics; the reference gives each token 0.5 nats less than the policy."""

    def reference(groups: Sequence[Group]) -> list[Floats]:
        return [group.columns["old_logp"] - np.float32(0.5) for group in groups]

    groups, measured, _ = grpo_advantages(options, reference=reference, kl_weight=kl_weight)(rollout, RolloutState())
    return [group.columns["advantage"] for group in groups], measured


def test_the_kl_is_deducted_from_the_completions_reward_before_rewards_are_compared() -> None:
    rollout = experience([[1.0, 1.0]], [[generation([4, 5, 6]), generation([7])]])
    options = GRPOAdvantageOptions(kl="reward", scale_rewards="none")
    (advantage,), measured = with_reference(options, rollout, 0.2)
    # the penalties are 0.2 * 0.5 * 3 and 0.2 * 0.5, so the rewards are 0.7 and 0.9
    assert advantage == pytest.approx([-0.1] * 3 + [0.1], abs=1e-6)
    assert measured["objective/rlhf_reward"] == pytest.approx(0.8)  # type: ignore[index]
    (advantage,), _ = with_reference(GRPOAdvantageOptions(advantage="rloo", kl="reward"), rollout, 0.2)
    assert advantage == pytest.approx([-0.2] * 3 + [0.2], abs=1e-6)
    (advantage,), _ = with_reference(GRPOAdvantageOptions(scale_rewards="none"), rollout, 0.2)
    assert not advantage.any(), "with `kl: loss`, rewards stay as they are"


def test_reinforce_plus_plus_has_a_return_for_each_token() -> None:
    rollout = experience([[1.0], [0.0]], [[generation([4, 5])], [generation([7])]])
    (first, second), _ = with_reference(GRPOAdvantageOptions(advantage="reinforce++", kl="reward"), rollout, 0.2)
    returns = np.array([0.8, 0.9, -0.1])
    expected = (returns - returns.mean()) / returns.std()
    assert [*first, *second] == pytest.approx(expected, abs=1e-5)


def test_the_baseline_of_reinforce_plus_plus_is_the_group_mean() -> None:
    rollout = experience([[1.0, 0.0], [5.0, 9.0]], [[generation([4, 5]), generation([6])]] * 2)
    advantages = columns(
        grpo_advantages(GRPOAdvantageOptions(advantage="reinforce++-baseline"), reference=None), rollout
    )
    centred = np.array([0.5, 0.5, -0.5, -2.0, -2.0, 2.0])
    assert np.concatenate(advantages) == pytest.approx((centred - centred.mean()) / centred.std(), abs=1e-5)


def test_each_reward_is_normalised_without_masked_completions() -> None:
    written = [[generation([4], ended=False), generation([5]), generation([6])]]
    rollout = experience([[9.0, 1.0, 0.5]], written, {"a": [[9, 1, 0]], "b": [[9, 0, 50]]})
    options = GRPOAdvantageOptions(normalize_each_reward=True, mask_truncated=True)
    for weights, signs in (({"a": 1.0, "b": 0.2}, [1, -1]), ({"a": 0.2, "b": 1.0}, [-1, 1])):
        credit = grpo_advantages(options, reference=None, weights=weights)
        (advantage,) = columns(credit, rollout)
        assert advantage == pytest.approx(np.array(signs) * np.sqrt(0.5), abs=1e-3), "the mean is 0, the deviation 1"
