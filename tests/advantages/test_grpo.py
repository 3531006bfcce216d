"""Group-relative advantages."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from posttrain.advantages.grpo import group_advantages, varies

rewards = st.lists(st.integers(-5, 5).map(float), min_size=2, max_size=9).map(lambda r: np.array(r, np.float32))


def test_by_hand() -> None:
    solved = np.array([1, 0, 0, 1], np.float32)
    assert np.allclose(group_advantages(solved), [0.8659, -0.8659, -0.8659, 0.8659], atol=1e-3)
    assert np.allclose(group_advantages(solved, scale=False), [0.5, -0.5, -0.5, 0.5])


@given(rewards)
def test_they_sum_to_zero_and_keep_the_order(reward_K: np.ndarray) -> None:
    advantage = group_advantages(reward_K)
    assert abs(advantage.sum()) < 1e-4
    for better, worse in np.argwhere(np.subtract.outer(reward_K, reward_K) > 0):
        assert advantage[better] > advantage[worse]


@given(rewards, st.floats(0.5, 4), st.floats(-9, 9))
def test_scale_and_shift_of_the_reward_do_not_matter(reward_K: np.ndarray, scale: float, shift: float) -> None:
    moved = (scale * reward_K + shift).astype(np.float32)
    assert np.allclose(group_advantages(moved), group_advantages(reward_K), atol=2e-3)


def test_equal_rewards_teach_nothing() -> None:
    assert not group_advantages(np.full(4, 0.3, np.float32)).any()
    assert not varies(np.full(4, 0.3, np.float32))


def test_a_missing_reward_enters_nothing() -> None:
    with_gap = group_advantages(np.array([1, np.nan, 0], np.float32))
    assert with_gap[1] == 0
    assert np.allclose(with_gap[[0, 2]], group_advantages(np.array([1, 0], np.float32)))
    assert not group_advantages(np.array([1, np.nan], np.float32)).any()
