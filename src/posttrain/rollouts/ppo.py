"""PPO's advantages: generalised advantage estimation (GAE) over rewards with a KL penalty per token."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from posttrain.advantages.gae import gae, token_rewards, whiten
from posttrain.advantages.kl_controller import next_beta
from posttrain.advantages.options import PPOAdvantageOptions
from posttrain.core.group import Floats, Group
from posttrain.policy.inference import outputs_by_group
from posttrain.policy.load import Policy
from posttrain.rollouts.metrics import kl_figures
from posttrain.rollouts.pieces import completion_pieces, joined_pieces
from posttrain.rollouts.types import AdvantageFn, Metrics, Reference, Rollout, RolloutState, with_column

Values = Callable[[Sequence[Group]], list[Floats]]
"""Computes the value estimate before each loss token of each group."""


def values_of(policy: Policy, row_tokens: int) -> Values:
    """The function that computes value estimates with a policy's value head and its current weights."""

    def values(groups: Sequence[Group]) -> list[Floats]:
        outputs = outputs_by_group(policy, groups, {"value"}, row_tokens)
        return [output.value_N.numpy() for output in outputs if output.value_N is not None]

    return values


def ppo_advantages(options: PPOAdvantageOptions, *, reference: Reference, values: Values) -> AdvantageFn:
    """Build the function that adds the columns ``advantage``, ``return``, ``value`` and ``ref_logp``.

    A completion without a reward gets advantage 0, and its return is the current value estimate.
    """

    def advantages(rollout: Rollout, state: RolloutState) -> tuple[list[Group], Metrics, RolloutState]:
        groups = rollout.groups()
        groups = with_column(groups, "ref_logp", reference(groups))
        groups = with_column(groups, "value", values(groups))
        state = _with_scale(rollout, state, options)
        metrics = kl_figures(groups)
        groups, more = _with_advantages(groups, _scores(rollout, state, options), state.beta, options)
        kl = metrics["objective/kl"]
        assert kl is not None
        beta = next_beta(
            state.beta,
            kl,
            target=options.target_kl,
            horizon=options.kl_horizon,
            samples=rollout.reward_GK.size,
        )
        return groups, {**metrics, **more, "beta": state.beta}, replace(state, beta=beta)

    return advantages


def _with_scale(rollout: Rollout, state: RolloutState, options: PPOAdvantageOptions) -> RolloutState:
    """The state with mean and standard deviation of the scores, from the first rollout that has scores."""
    if not options.normalize or "score_mean" in state.first:
        return state
    known = rollout.reward_GK[np.isfinite(rollout.reward_GK)].astype(np.float64)
    if not len(known):
        return state
    deviation = float(known.std())
    scale = {"score_mean": float(known.mean()), "score_deviation": deviation if deviation > 1e-6 else 1.0}
    return replace(state, first={**state.first, **scale})


def _scores(rollout: Rollout, state: RolloutState, options: PPOAdvantageOptions) -> Floats:
    """The score of each completion after normalisation and the penalty for a missing end token, [G, K]."""
    score_GK = rollout.reward_GK.astype(np.float64)
    if options.normalize and "score_mean" in state.first:
        score_GK = (score_GK - state.first["score_mean"]) / state.first["score_deviation"]
    ended_GK = np.array([[completion.ended for completion in group] for group in rollout.written])
    return (score_GK - np.where(ended_GK, 0.0, options.missing_eos_penalty)).astype(np.float32)


def _with_advantages(
    groups: list[Group], score_GK: Floats, beta: float, options: PPOAdvantageOptions
) -> tuple[list[Group], dict[str, float | None]]:
    """Add advantages and returns: GAE over each scored completion, advantages whitened over all of them."""
    kl = completion_pieces(groups, [g.columns["old_logp"] - g.columns["ref_logp"] for g in groups])
    value = completion_pieces(groups, [g.columns["value"] for g in groups])
    score = score_GK.ravel()
    known = np.isfinite(score)
    advantage, returns = [np.zeros_like(v) for v in value], list(value)
    metrics: dict[str, float | None] = dict.fromkeys(
        ("objective/rlhf_reward", "objective/scores", "explained_variance")
    )
    places = np.flatnonzero(np.isfinite(score)).tolist()
    if places:
        rewards = [token_rewards(float(score[i]), kl[i], beta=beta) for i in places]
        metrics["objective/rlhf_reward"] = float(np.mean([r.sum(dtype=np.float64) for r in rewards]))
        metrics["objective/scores"] = float(score[places].mean(dtype=np.float64))
        if options.whiten_rewards:
            rewards = whiten(rewards, shift=False)
        known = [value[i] for i in places]
        pairs = [gae(r, v, gamma=options.gamma, lam=options.lam) for r, v in zip(rewards, known, strict=True)]
        for i, whitened, (_, return_) in zip(places, whiten([a for a, _ in pairs]), pairs, strict=True):
            advantage[i], returns[i] = whitened, return_
        metrics["explained_variance"] = _explained(np.concatenate([r for _, r in pairs]), np.concatenate(known))
    groups = with_column(groups, "advantage", joined_pieces(groups, advantage))
    return with_column(groups, "return", joined_pieces(groups, returns)), metrics


def _explained(returns: Floats, value: Floats) -> float | None:
    """Explained variance: 1 - Var(returns - value) / Var(returns). Below 0 the value is worse than a constant."""
    variance = float(returns.var(dtype=np.float64))
    return None if variance < 1e-12 else 1.0 - float((returns - value).var(dtype=np.float64)) / variance
