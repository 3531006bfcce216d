"""The advantages of on-policy distillation: a teacher's log-prob of each token that the policy wrote.

    A_t = log π_teacher(y_t | x, y_<t) - log π(y_t | x, y_<t)

The expected policy gradient of A_t is minus the gradient of the reverse KL of each next-token distribution,
KL(π(. | x, y_<t) || π_teacher(. | x, y_<t)), on the policy's own completions (Agarwal et al. 2023, arXiv:2306.13649,
eq. 5 and algorithm 1, with λ = 1 and reverse KL). The gradient does not pass through the choice of earlier tokens, so
a token's advantage holds no later token (discount 0).
"""

from posttrain.core.group import Group
from posttrain.rollouts.metrics import kl_figures
from posttrain.rollouts.types import AdvantageFn, Metrics, Reference, Rollout, RolloutState, with_column


def distill_advantages(teacher: Reference) -> AdvantageFn:
    """Build the function that adds the column ``advantage``.

    Args:
        teacher: computes the teacher's log-probs at the sampling temperature.
    """

    def advantages(rollout: Rollout, state: RolloutState) -> tuple[list[Group], Metrics, RolloutState]:
        groups = rollout.groups()
        groups = with_column(groups, "ref_logp", teacher(groups))
        apart = [group.columns["ref_logp"] - group.columns["old_logp"] for group in groups]
        return with_column(groups, "advantage", apart), kl_figures(groups), state

    return advantages
