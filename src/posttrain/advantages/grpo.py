"""GRPO's advantages: a completion's reward relative to its group. No value network is needed.

    A_k = (r_k - mean(r)) / (std(r) + ε)          Shao et al. 2024, arXiv:2402.03300, section 4.1.2
    A_k = r_k - mean(r)                           Dr. GRPO: Liu et al. 2025, arXiv:2503.20783, section 3.1

std is the sample's (divided by K - 1), as in TRL. A completion without a reward (None → NaN) gets no advantage and
does not enter its group's mean.
"""

import numpy as np

from posttrain.core.group import Floats

EPSILON = 1e-4
"""Added to the deviation; far below that of any group whose rewards really differ."""


def group_advantages(reward_K: Floats, *, scale: bool = True) -> Floats:
    """Advantage of each completion of one group.

    Args:
        reward_K: rewards, NaN where there is none.
        scale: divide by the group's deviation; without (Dr. GRPO), groups that are nearly solved or nearly hopeless
            weigh no more than others.

    Returns:
        [K], 0 where there is no reward, and for all of a group whose rewards are equal.
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
    """Whether a group's rewards differ: otherwise it teaches nothing (DAPO drops it, arXiv:2503.14476, 3.2)."""
    known_K = reward_K[np.isfinite(reward_K)]
    return len(known_K) > 1 and bool(known_K.max() - known_K.min() > 1e-8)
