"""The coefficient of the KL penalty: fixed, or adapted to a target KL (Ziegler et al. 2019, arXiv:1909.08593, 2.2)."""


def next_beta(beta: float, kl: float, *, target: float | None, horizon: float, samples: int) -> float:
    """The coefficient after a rollout.

    Args:
        beta: the coefficient of the rollout.
        kl: the mean KL of its completions to the reference, in nats per completion.
        target: the target KL; None does not change `beta`.
        horizon: the number of samples over which an error of 20% or more changes the coefficient by 20%.
        samples: the number of completions in the rollout.
    """
    if target is None:
        return beta
    error = max(-0.2, min(0.2, kl / target - 1.0))
    return beta * (1.0 + error * samples / horizon)
