"""PPO's credit against the same written slowly: token rewards, GAE, whitening, one loop each."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiences import NONE, experience, generation, random_experience
from posttrain.advantages.options import PPOAdvantageOptions
from posttrain.core.group import Floats, Group
from posttrain.rollouts.ppo import ppo_advantages
from posttrain.rollouts.types import Metrics, Rollout, RolloutState


def plain(**changes: Any) -> PPOAdvantageOptions:
    """GAE of the rewards as they are, apart from the changes."""
    return PPOAdvantageOptions(**{"normalize": False, "missing_eos_penalty": 0.0, "kl_horizon": 100.0, **changes})


PLAIN = plain()


def reference(groups: Sequence[Group]) -> list[Floats]:
    """Log-probs that follow from the tokens, near those of sampling."""
    return [
        np.concatenate([-(c.tokens % 7) / 5 for c in g.completions]).astype(np.float32) - np.float32(0.1)
        for g in groups
    ]


def values(groups: Sequence[Group]) -> list[Floats]:
    return [np.concatenate([(c.tokens % 5) / 4 for c in g.completions]).astype(np.float32) for g in groups]


def credited(
    rollout: Rollout, variant: PPOAdvantageOptions, memory: RolloutState | None = None
) -> tuple[list[Group], Metrics, RolloutState]:
    return ppo_advantages(variant, reference=reference, values=values)(rollout, memory or RolloutState(beta=0.2))


def spread(every: list[float]) -> float:
    """Their standard deviation; 1e-8 is added to the variance."""
    mean = sum(every) / max(1, len(every))
    return (sum((x - mean) ** 2 for x in every) / max(1, len(every)) + 1e-8) ** 0.5


def slowly(
    rollout: Rollout, v: PPOAdvantageOptions, beta: float, scale: tuple[float, float]
) -> Mapping[str, list[float]]:
    """Advantage and return of every token of the rollout, from the papers' formulas."""
    rewards: list[list[float] | None] = []
    value: list[list[float]] = []
    for g, written in enumerate(rollout.written):
        for k, one in enumerate(written):
            tokens = one.tokens.tolist()
            value.append([t % 5 / 4 for t in tokens])
            score = float(rollout.reward_GK[g, k])
            if np.isnan(score):
                rewards.append(None)
                continue
            if v.normalize:
                score = (score - scale[0]) / scale[1]
            if not one.ended:
                score -= v.missing_eos_penalty
            each = [-beta * (float(one.logp[t]) - (-(tokens[t] % 7) / 5 - 0.1)) for t in range(len(tokens))]
            each[-1] += score
            rewards.append(each)
    if v.whiten_rewards:
        every = [r for some_rewards in rewards if some_rewards is not None for r in some_rewards]
        rewards = [None if r is None else [x / spread(every) for x in r] for r in rewards]
    advantages: list[list[float] | None] = []
    for r, val in zip(rewards, value, strict=True):
        if r is None:
            advantages.append(None)
            continue
        n = len(r)
        delta = [r[t] + v.gamma * (val[t + 1] if t + 1 < n else 0.0) - val[t] for t in range(n)]
        advantages.append([sum((v.gamma * v.lam) ** (u - t) * delta[u] for u in range(t, n)) for t in range(n)])
    every = [a for some_advantages in advantages if some_advantages is not None for a in some_advantages]
    mean = sum(every) / max(1, len(every))
    columns: dict[str, list[float]] = {"advantage": [], "return": []}
    for a, val in zip(advantages, value, strict=True):
        columns["advantage"] += [0.0] * len(val) if a is None else [(x - mean) / spread(every) for x in a]
        columns["return"] += val if a is None else [x + y for x, y in zip(a, val, strict=True)]
    return columns


variants = st.builds(
    PPOAdvantageOptions,
    gamma=st.sampled_from([1.0, 0.9]),
    lam=st.sampled_from([0.0, 0.5, 0.95, 1.0]),
    normalize=st.booleans(),
    missing_eos_penalty=st.sampled_from([0.0, 1.0]),
    whiten_rewards=st.booleans(),
    target_kl=st.none(),
    kl_horizon=st.just(100.0),
)


@given(st.integers(0, 10**6), variants, st.sampled_from([0.0, 0.3]))
@settings(max_examples=60)
def test_advantages_and_returns_follow_their_definition(seed: int, variant: PPOAdvantageOptions, beta: float) -> None:
    rollout = random_experience(np.random.default_rng(seed))
    groups, _, memory = credited(rollout, variant, RolloutState(beta=beta))
    known = rollout.reward_GK[np.isfinite(rollout.reward_GK)]
    scale = (float(known.mean()), float(known.std())) if len(known) else (0.0, 1.0)
    expected = slowly(rollout, variant, beta, scale if scale[1] > 1e-6 else (scale[0], 1.0))
    for name, measured in expected.items():
        column = np.concatenate([group.columns[name] for group in groups])
        assert np.allclose(column, measured, rtol=1e-3, atol=5e-3), name  # rounding over a deviation of 1e-4
    assert memory.beta == beta


def test_every_column_that_the_objective_needs_is_there() -> None:
    from posttrain.objectives.options import PolicyGradientOptions, ValueOptions
    from posttrain.objectives.policy_gradient import policy_gradient_objective

    groups, _, _ = credited(experience([[1.0, 0.0]]), PLAIN)
    assert policy_gradient_objective(PolicyGradientOptions(), value=ValueOptions()).needs <= groups[0].columns.keys()


def test_scores_are_scaled_only_by_the_first_rollout() -> None:
    variant = plain(normalize=True)
    _, first, memory = credited(experience([[1.0, 3.0]]), variant)
    assert memory.first == {"score_mean": 2.0, "score_deviation": 1.0}
    assert first["objective/scores"] == pytest.approx(0.0)
    _, later, after = credited(experience([[10.0, 16.0]]), variant, memory)
    assert later["objective/scores"] == pytest.approx((10.0 - 2.0 + 16.0 - 2.0) / 2)
    assert after.first == memory.first


def test_equal_scores_are_shifted_but_not_scaled() -> None:
    _, measured, memory = credited(experience([[4.0, 4.0], [NONE, 4.0]]), plain(normalize=True))
    assert memory.first == {"score_mean": 4.0, "score_deviation": 1.0}
    assert measured["objective/scores"] == 0.0


def test_a_truncated_completion_gets_a_penalty() -> None:
    rollout = experience([[1.0, 1.0]], [[generation([4]), generation([4], ended=False)]])
    groups, measured, _ = credited(rollout, plain(missing_eos_penalty=2.0))
    whole, cut = groups[0].columns["return"].tolist()
    assert whole - cut == pytest.approx(2.0)
    assert measured["objective/scores"] == pytest.approx(0.0)


def test_a_completion_without_a_reward_changes_nothing_for_others_and_keeps_its_value() -> None:
    alone = experience([[1.0, -1.0]], [[generation([4, 9]), generation([6])]])
    beside = experience([[1.0, -1.0, NONE]], [[generation([4, 9]), generation([6]), generation([8, 11, 12])]])
    for variant in (PLAIN, plain(whiten_rewards=True, normalize=True)):
        (one,), measured, _ = credited(alone, variant)
        (other,), more, _ = credited(beside, variant)
        for name in ("advantage", "return"):
            assert other.columns[name][:3].tolist() == one.columns[name].tolist()
        assert not other.columns["advantage"][3:].any()
        assert other.columns["return"][3:].tolist() == other.columns["value"][3:].tolist()
        for name in ("objective/scores", "objective/rlhf_reward", "explained_variance"):
            assert more[name] == pytest.approx(measured[name]), name


def test_a_rollout_without_any_reward_teaches_nothing() -> None:
    groups, measured, memory = credited(experience([[NONE, NONE]]), plain(normalize=True, whiten_rewards=True))
    assert not groups[0].columns["advantage"].any()
    assert groups[0].columns["return"].tolist() == groups[0].columns["value"].tolist()
    assert measured["objective/scores"] is measured["objective/rlhf_reward"] is measured["explained_variance"] is None
    assert "score_mean" not in memory.first
    _, measured, _ = credited(experience([[1.0, 3.0]]), plain(normalize=True), memory)
    assert measured["objective/scores"] == pytest.approx(0.0)


def test_the_coefficient_is_steered_from_rollout_to_rollout() -> None:
    variant = plain(target_kl=0.01, kl_horizon=10.0)
    rollout = experience(
        [[1.0, 0.0]], [[generation([4], [-0.1]), generation([4], [-0.2])]]
    )  # KL far over the target: + 20%
    betas: list[float | None] = []
    memory = RolloutState(beta=0.5)
    for _ in range(3):
        _, measured, memory = credited(rollout, variant, memory)
        betas.append(measured["beta"])
    step = 1 + 0.2 * 2 / 10
    assert betas == [pytest.approx(0.5), pytest.approx(0.5 * step), pytest.approx(0.5 * step**2)]
    assert memory.beta == pytest.approx(0.5 * step**3)


def test_figures_by_hand() -> None:
    rollout = experience([[1.0, 2.0]], [[generation([5], [-1.0]), generation([5], [-3.0])]])  # value 0, reference -1.1
    _, measured, _ = credited(rollout, PLAIN, RolloutState(beta=0.5))
    assert measured["objective/kl"] == pytest.approx((0.1 - 1.9) / 2)
    assert measured["objective/scores"] == pytest.approx(1.5)
    assert measured["objective/rlhf_reward"] == pytest.approx(1.5 - 0.5 * (0.1 - 1.9) / 2)
    assert measured["explained_variance"] == pytest.approx(0.0)
    assert measured["beta"] == 0.5
    _, whitened, _ = credited(rollout, plain(whiten_rewards=True), RolloutState(beta=0.5))
    assert whitened["objective/rlhf_reward"] == measured["objective/rlhf_reward"]
