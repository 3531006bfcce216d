"""GRPO's advantages: a completion's reward relative to its group. No value network is needed.

    A_k = (r_k - mean(r)) / (std(r) + ε)          Shao et al. 2024, arXiv:2402.03300, section 4.1.2
    A_k = r_k - mean(r)                           Dr. GRPO: Liu et al. 2025, arXiv:2503.20783, section 3.1

std is the sample standard deviation (divisor K - 1), as in TRL. A completion without a reward (NaN) gets advantage 0
and does not enter its group's mean.
"""

import numpy as np

from posttrain.core.group import Floats

EPSILON = 1e-4
"""Added to the deviation. It is far smaller than the deviation of rewards that really differ."""


def group_advantages(reward_K: Floats, *, scale: bool = True) -> Floats:
    """The advantage of each completion of one group.

    Args:
        reward_K: the rewards; NaN if a completion has none.
        scale: whether to divide by the group's deviation. Without it (Dr. GRPO), groups that are nearly solved or
            nearly hopeless have no larger weight than others.

    Returns:
        [K]; 0 for completions without a reward, and for all completions of a group with equal rewards.
    """
    known_K = np.isfinite(reward_K)
    if known_K.sum() < 2:
        return np.zeros_like(reward_K)
    centred_K = np.where(known_K, reward_K - reward_K[known_K].mean(dtype=np.float64), 0.0)
    if not varies(reward_K):
        return np.zeros_like(reward_K)
    deviation = np.sqrt(np.square(centred_K).sum() / (known_K.sum() - 1))
    return (centred_K / (deviation + EPSILON) if scale else centred_K).astype(np.float32)


def varies(reward_K: Floats) -> bool:
    """Whether a group's rewards differ. If not, all advantages are 0 (DAPO drops the group, arXiv:2503.14476, 3.2)."""
    known_K = reward_K[np.isfinite(reward_K)]
    return len(known_K) > 1 and bool(known_K.max() - known_K.min() > 1e-8)
