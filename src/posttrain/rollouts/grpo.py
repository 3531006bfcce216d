"""GRPO's credit: a completion against its siblings."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from posttrain.advantages.grpo import group_advantages
from posttrain.core.group import Completion, Floats, Group
from posttrain.rollouts.metrics import kl_figures
from posttrain.rollouts.types import AdvantageFn, Metrics, Reference, Rollout, RolloutState, with_column


def grpo_credit(*, scale: bool, mask_truncated: bool, reference: Reference | None) -> AdvantageFn:
    """Advantages against the group's mean, for every token of a completion alike.

    Args:
        scale: divide by the group's deviation.
        mask_truncated: a completion cut at the limit bears no loss and does not enter its group's mean (DAPO's
            overlong filtering, arXiv:2503.14476, section 3.4).
        reference: gives ``ref_logp``, for a KL term; None without one.
    """

    def credit(experience: Rollout, memory: RolloutState) -> tuple[list[Group], Metrics, RolloutState]:
        groups = experience.groups()
        reward_GK = experience.learnt_GK(mask_truncated=mask_truncated)
        advantages = [group_advantages(reward_K, scale=scale) for reward_K in reward_GK]
        per_token = [_per_token(values, group) for values, group in zip(advantages, groups, strict=True)]
        groups, told = with_column(groups, "advantage", per_token), {}
        if reference is not None:
            groups = with_column(groups, "ref_logp", reference(groups))
            told = kl_figures(groups)
        if mask_truncated:
            groups = [
                _ended_only(group, [one.ended for one in some])
                for group, some in zip(groups, experience.written, strict=True)
            ]
        return groups, told, memory

    return credit


def _ended_only(group: Group, ended: Sequence[bool]) -> Group:
    """The group with loss on the completions alone that came to their end."""
    keep = np.repeat(ended, [len(completion.tokens) for completion in group.completions])
    completions = tuple(
        completion if whole else Completion(completion.tokens, np.zeros_like(completion.loss))
        for completion, whole in zip(group.completions, ended, strict=True)
    )
    return replace(group, completions=completions, columns={name: v[keep] for name, v in group.columns.items()})


def _per_token(value_K: Floats, group: Group) -> Floats:
    """A completion's value, at each of its tokens."""
    return np.repeat(value_K, [len(completion.tokens) for completion in group.completions]).astype(np.float32)
