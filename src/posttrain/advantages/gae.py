"""PPO's advantages: generalised advantage estimation (GAE) from token rewards and a learnt value (actor-critic).

    δ_t = r_t + γ V_{t+1} - V_t          A_t = Σ_l (γλ)^l δ_{t+l}          returns R_t = A_t + V_t

Schulman et al. 2015, arXiv:1506.02438, eq. 16; for language models Ziegler et al. 2019, arXiv:1909.08593. The
episode ends with the completion: V after the last token is 0, whether the completion ended or was truncated.
"""

from collections.abc import Sequence

import numpy as np

from posttrain.core.group import Floats

EPSILON = 1e-8
"""Added to a variance, as in TRL, so that rounding errors between equal values are not scaled to deviation 1."""


def token_rewards(score: float, kl_L: Floats, *, beta: float) -> Floats:
    """Reward of each token: minus β times its KL to the reference, and the completion's score on the last one.

    Args:
        score: the score of the whole completion.
        kl_L: log π - log π_ref of each sampled token (the k1 estimator, whose mean is the KL).
        beta: the weight of the penalty (Ouyang et al. 2022, arXiv:2203.02155, eq. 2).
    """
    reward_L = -beta * kl_L.astype(np.float64)
    reward_L[-1] += score
    return reward_L.astype(np.float32)


def gae(reward_L: Floats, value_L: Floats, *, gamma: float, lam: float) -> tuple[Floats, Floats]:
    """Advantages and returns of one completion, [L] each, float32 (summed in float64).

    Args:
        reward_L: the reward after each token.
        value_L: the value before each token, V(s_t).
        gamma: the discount; 1 for text, so that length does not discount the reward.
        lam: λ; 0 gives the one-step TD error, 1 the return minus the value.
    """
    advantage_L = np.zeros(len(reward_L), dtype=np.float64)
    following, value_after = 0.0, 0.0
    for t in range(len(reward_L) - 1, -1, -1):
        delta = float(reward_L[t]) + gamma * value_after - float(value_L[t])
        following = delta + gamma * lam * following
        advantage_L[t] = following
        value_after = float(value_L[t])
    return advantage_L.astype(np.float32), (advantage_L + value_L).astype(np.float32)


def whiten(parts: Sequence[Floats], *, shift: bool = True) -> list[Floats]:
    """Scale values to standard deviation 1 and mean 0 over all parts together.

    Args:
        shift: whether to subtract the mean. Advantages are shifted. Rewards must not be, since a reward that is always
            positive would then be negative for about half of the tokens.
    """
    every = np.concatenate(list(parts)).astype(np.float64)
    mean = every.mean()
    centre, deviation = (mean if shift else 0.0), np.sqrt(every.var() + EPSILON)
    return [((part - centre) / deviation).astype(np.float32) for part in parts]
