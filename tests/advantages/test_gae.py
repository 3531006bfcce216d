"""Generalised advantage estimation, whitening, and the KL coefficient."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posttrain.advantages.gae import gae, token_rewards, whiten
from posttrain.advantages.kl_controller import next_beta

episodes = st.integers(0, 10**6).map(np.random.default_rng).map(
    lambda rng: (length := int(rng.integers(1, 12)), rng.normal(size=length), rng.normal(size=length))
)  # fmt: skip


def test_by_hand() -> None:
    advantage, returns = gae(np.array([0, 1], np.float32), np.array([0.5, 0.25], np.float32), gamma=1.0, lam=0.95)
    assert np.allclose(advantage, [-0.25 + 0.95 * 0.75, 0.75])
    assert np.allclose(returns, advantage + np.array([0.5, 0.25]))


@given(episodes, st.floats(0.5, 1), st.floats(0, 1))
def test_it_is_the_sum_of_its_definition(episode: tuple[int, np.ndarray, np.ndarray], gamma: float, lam: float) -> None:
    length, reward, value = episode
    after = np.append(value[1:], 0.0)
    delta = reward + gamma * after - value
    expected = [sum((gamma * lam) ** (k - t) * delta[k] for k in range(t, length)) for t in range(length)]
    advantage, _ = gae(reward.astype(np.float32), value.astype(np.float32), gamma=gamma, lam=lam)
    assert np.allclose(advantage, expected, atol=1e-5)


@given(episodes)
def test_at_lambda_one_returns_are_the_rewards_to_come(episode: tuple[int, np.ndarray, np.ndarray]) -> None:
    _, reward, value = episode
    _, returns = gae(reward.astype(np.float32), value.astype(np.float32), gamma=1.0, lam=1.0)
    assert np.allclose(returns, reward[::-1].cumsum()[::-1], atol=1e-5)


def test_the_score_falls_on_the_last_token_and_the_kl_on_each() -> None:
    assert np.allclose(token_rewards(2.0, np.array([1, -1, 3], np.float32), beta=0.1), [-0.1, 0.1, 1.7])


def test_whitening_is_over_all_parts_and_shifts_only_with_shift_on() -> None:
    parts = [np.array([1, 2], np.float32), np.array([6], np.float32)]
    white = np.concatenate(whiten(parts))
    assert abs(white.mean()) < 1e-6
    assert white.std() == pytest.approx(1, abs=1e-5)
    assert (np.concatenate(whiten(parts, shift=False)) > 0).all()


def test_rounding_errors_are_not_scaled_up() -> None:
    almost = np.float32(-1.0) + np.array([0, 6e-8, -6e-8], np.float32)
    assert np.abs(np.concatenate(whiten([almost]))).max() < 1e-2


def test_the_coefficient_follows_the_kl() -> None:
    assert next_beta(0.1, 9.0, target=None, horizon=100, samples=50) == 0.1
    assert next_beta(0.1, 12.0, target=6.0, horizon=100, samples=50) == pytest.approx(
        0.11
    )  # the error is clipped at 20%
    assert next_beta(0.1, 5.7, target=6.0, horizon=100, samples=50) == pytest.approx(0.1 * 0.975)
