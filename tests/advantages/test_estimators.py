"""Advantages over a rollout equal their formulas, computed with plain loops."""

import math
from statistics import fmean, stdev

import numpy as np
import pytest

from posttrain.advantages.estimators import (
    centred_rewards,
    gdpo_advantages,
    normalised_returns,
    relative_advantages,
    rloo_advantages,
)
from posttrain.core.group import Floats

NAN = float("nan")
REWARDS = np.array([[1, 0, 0.5, 0.25], [3, NAN, -1, 2], [0.5, 0.5, 0.5, 0.5], [NAN, 7, NAN, NAN]], np.float32)
"""Full groups, one completion without a reward, equal rewards, and a single reward."""


def known(row: Floats) -> list[float]:
    return [float(r) for r in row if math.isfinite(r)]


def test_rloo_subtracts_the_mean_of_the_others() -> None:
    expected = np.zeros_like(REWARDS)
    for g, row in enumerate(REWARDS):
        for k, reward in enumerate(row):
            others = known(np.delete(row, k))
            if math.isfinite(reward) and others:
                expected[g, k] = reward - fmean(others)
    assert rloo_advantages(REWARDS) == pytest.approx(expected, abs=1e-5)
    assert rloo_advantages(np.array([[1, 0, 0]], np.float32)).tolist() == [[1.0, -0.5, -0.5]]


def test_batch_scaling_divides_by_the_deviation_of_the_rollout() -> None:
    deviation = stdev(known(REWARDS.ravel()))
    for g, row in enumerate(REWARDS):
        mean = fmean(known(row))
        expected = [(r - mean) / (deviation + 1e-4) if math.isfinite(r) else 0.0 for r in row.tolist()]
        assert relative_advantages(REWARDS, "batch")[g] == pytest.approx(expected, abs=1e-5)


def test_a_rollout_of_equal_rewards_teaches_nothing() -> None:
    equal = np.full((2, 3), 0.7, np.float32)
    for advantages in (
        relative_advantages(equal, "batch"),
        rloo_advantages(equal),
        gdpo_advantages({"a": equal}, {"a": 1.0}),
        np.concatenate(normalised_returns(equal.ravel(), [np.zeros(2, np.float32)] * 6)),
    ):
        assert np.abs(advantages).max() < 1e-5


def test_gdpo_normalises_each_reward_then_their_sum() -> None:
    rng = np.random.default_rng(0)
    parts = {"a": rng.normal(size=(3, 4)), "b": 100 * rng.normal(size=(3, 4)), "ignored": rng.normal(size=(3, 4))}
    components = {name: values.astype(np.float32) for name, values in parts.items()}
    components["a"][0, 1] = components["b"][0, 1] = np.nan
    components["b"][2, 3] = np.nan
    weights = {"a": 1.0, "b": -0.5, "ignored": 0.0}
    sums: dict[tuple[int, int], float] = {}
    for name in ("a", "b"):
        for g, row in enumerate(components[name]):
            mean, deviation = fmean(known(row)), stdev(known(row))
            for k, reward in enumerate(row.tolist()):
                if math.isfinite(reward):
                    sums[g, k] = sums.get((g, k), 0.0) + weights[name] * (reward - mean) / (deviation + 1e-4)
    mean, deviation = fmean(sums.values()), stdev(sums.values())
    advantages = gdpo_advantages(components, weights)
    assert advantages[0, 1] == 0.0
    for place, value in sums.items():
        assert advantages[place] == pytest.approx((value - mean) / (deviation + 1e-4), abs=1e-5)


def test_gdpo_tells_apart_what_the_sum_of_rewards_does_not() -> None:
    """Two prompts: one right answer among four, and a style reward of a tenth of its spread."""
    right, style = np.array([[1, 0, 0, 0]], np.float32), np.array([[0.0, 0.1, 0.1, 0.0]], np.float32)
    separate = gdpo_advantages({"right": right, "style": style}, {"right": 1.0, "style": 1.0})[0]
    summed = relative_advantages(right + style, "group")[0]
    assert separate[1] - separate[3] > 3 * (summed[1] - summed[3])


def test_reinforce_plus_plus_normalises_returns_over_all_tokens() -> None:
    rewards = np.array([1.0, NAN, -2.0], np.float32)
    penalties = [np.array(p, np.float32) for p in ([0.1, -0.2, 0.3], [9.0, 9.0], [0.5])]
    returns = [[1 - 0.2, 1 - 0.1, 1 - 0.3], [-2 - 0.5]]  # the reward minus the penalties of this and later tokens
    every = [value for part in returns for value in part]
    mean, deviation = fmean(every), math.sqrt(fmean([(v - fmean(every)) ** 2 for v in every]))
    first, missing, last = normalised_returns(rewards, penalties)
    assert missing.tolist() == [0.0, 0.0]
    for values, expected in ((first, returns[0]), (last, returns[1])):
        assert values == pytest.approx([(v - mean) / deviation for v in expected], abs=1e-5)
    assert [a.tolist() for a in normalised_returns(np.array([NAN], np.float32), [np.ones(2, np.float32)])] == [[0, 0]]


def test_the_baseline_is_the_group_mean_and_needs_two_rewards() -> None:
    centred = centred_rewards(REWARDS)
    assert centred[0] == pytest.approx([0.5625, -0.4375, 0.0625, -0.1875])
    assert np.isnan(centred[1, 1])
    assert np.isnan(centred[3]).all()
    assert centred[2].tolist() == [0.0] * 4
