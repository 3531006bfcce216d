"""Advantages of completions without a value network, over all groups of a rollout.

    grpo            A_k = (r_k - mean(r)) / (std + ε)         std of the group, of the rollout, or no division
    rloo            A_k = r_k - mean of the other r_j         Ahmadian et al. 2024, arXiv:2402.14740: RLOO
    gdpo            A_k = norm(Σ_i w_i (r_ik - mean(r_i)) / (std(r_i) + ε))
                                                              Liu et al. 2026, arXiv:2601.05242, eq. 4 to 6: each
                                                              reward i is normalised in its group, the sum over
                                                              the rollout
    reinforce++     A_t = norm(r - β Σ_{i >= t} k1_i)         Hu et al. 2025, arXiv:2501.03262: norm over all tokens of
                                                              the rollout; "baseline" subtracts the group's mean from r

The group's std is GRPO's (`group_advantages`); the rollout's std with the group's mean is that of Liu et al. 2025,
arXiv:2508.08221 (TRL's ``batch``). std is the sample standard deviation. norm(x) = (x - mean(x)) / (std(x) + ε).
A completion without a reward (NaN) enters no mean and no deviation.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from posttrain.advantages.gae import whiten
from posttrain.advantages.grpo import EPSILON, group_advantages
from posttrain.advantages.options import RewardScale
from posttrain.core.group import Floats


def relative_advantages(reward_GK: Floats, scale: RewardScale) -> Floats:
    """GRPO's advantages of all groups, [G, K]; 0 for completions without a reward."""
    advantage_GK = np.stack([group_advantages(reward_K, scale=scale == "group") for reward_K in reward_GK])
    return advantage_GK / np.float32(_deviation(reward_GK) + EPSILON) if scale == "batch" else advantage_GK


def rloo_advantages(reward_GK: Floats) -> Floats:
    """Reward minus the mean reward of the group's other completions, [G, K]; 0 if there is no other."""
    count_G1 = np.isfinite(reward_GK).sum(axis=1, keepdims=True)
    # r_k - (S - r_k) / (K - 1) = K / (K - 1) (r_k - S / K)
    factor_G1 = count_G1 / np.maximum(count_G1 - 1, 1)
    return (factor_G1 * relative_advantages(reward_GK, "none")).astype(np.float32)


def gdpo_advantages(components: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    """The weighted sum of each reward's own advantages, normalised over the rollout, [G, K].

    Args:
        components: name → the values of that reward, [G, K]; NaN if it does not apply.
        weights: name → weight in the sum; rewards without a weight are left out.
    """
    parts = {name: values for name, values in components.items() if weights.get(name)}
    known_GK = np.any([np.isfinite(values) for values in parts.values()], axis=0)
    sum_GK = np.sum([weights[n] * relative_advantages(v, "group").astype(np.float64) for n, v in parts.items()], axis=0)
    if not known_GK.any():
        return np.zeros(known_GK.shape, np.float32)
    deviation = _deviation(np.where(known_GK, sum_GK, np.nan))
    centred_GK = np.where(known_GK, sum_GK - sum_GK[known_GK].mean(), 0.0)
    return (centred_GK / (deviation + EPSILON)).astype(np.float32)


def centred_rewards(reward_GK: Floats) -> Floats:
    """Reward minus the group's mean, [G, K]; NaN without a reward, or if it is the group's only one."""
    known_GK = np.isfinite(reward_GK) & (np.isfinite(reward_GK).sum(axis=1, keepdims=True) > 1)
    return np.where(known_GK, relative_advantages(reward_GK, "none"), np.float32(np.nan))


def normalised_returns(reward_C: Floats, penalties: Sequence[Floats]) -> list[Floats]:
    """REINFORCE++'s advantage of each token, one array for each completion.

    Args:
        reward_C: the reward of each completion; NaN if it has none. Its tokens then get 0.
        penalties: β k1 of each token, one array for each completion.
    """
    advantages = [np.zeros(len(penalty_L), np.float32) for penalty_L in penalties]
    places = np.flatnonzero(np.isfinite(reward_C)).tolist()
    if not places:
        return advantages
    returns = [reward_C[i] - np.cumsum(penalties[i][::-1].astype(np.float64))[::-1] for i in places]
    for i, whitened in zip(places, whiten(returns), strict=True):
        advantages[i] = whitened
    return advantages


def _deviation(values: Floats) -> float:
    """The sample standard deviation of the finite values; 0 if there are fewer than two."""
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1, dtype=np.float64)) if len(known) > 1 else 0.0
