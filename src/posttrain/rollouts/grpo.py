"""GRPO's advantages: each completion is compared with the other completions of its prompt."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from posttrain.advantages.grpo import group_advantages
from posttrain.advantages.options import GRPOAdvantageOptions
from posttrain.core.group import Completion, Floats, Group
from posttrain.rollouts.metrics import kl_figures
from posttrain.rollouts.types import AdvantageFn, Metrics, Reference, Rollout, RolloutState, with_column


def grpo_advantages(options: GRPOAdvantageOptions, *, reference: Reference | None) -> AdvantageFn:
    """Build the function that adds the column ``advantage``: reward minus group mean, equal for all tokens.

    With `mask_truncated`, a completion cut at the limit bears no loss and does not enter its group's mean (DAPO's
    overlong filtering, arXiv:2503.14476, section 3.4).

    Args:
        reference: computes ``ref_logp`` for a KL term; None if there is no KL term.
    """

    def advantages(rollout: Rollout, state: RolloutState) -> tuple[list[Group], Metrics, RolloutState]:
        groups = rollout.groups()
        reward_GK = rollout.learnt_GK(mask_truncated=options.mask_truncated)
        values = [group_advantages(reward_K, scale=options.scale_rewards) for reward_K in reward_GK]
        per_token = [_per_token(value_K, group) for value_K, group in zip(values, groups, strict=True)]
        groups, metrics = with_column(groups, "advantage", per_token), {}
        if reference is not None:
            groups = with_column(groups, "ref_logp", reference(groups))
            metrics = kl_figures(groups)
        if options.mask_truncated:
            groups = [
                _ended_only(group, [completion.ended for completion in completions])
                for group, completions in zip(groups, rollout.written, strict=True)
            ]
        return groups, metrics, state

    return advantages


def _ended_only(group: Group, ended: Sequence[bool]) -> Group:
    """The group without loss on completions that were cut at the limit."""
    keep = np.repeat(ended, [len(completion.tokens) for completion in group.completions])
    completions = tuple(
        completion if is_ended else Completion(completion.tokens, np.zeros_like(completion.loss))
        for completion, is_ended in zip(group.completions, ended, strict=True)
    )
    return replace(group, completions=completions, columns={name: v[keep] for name, v in group.columns.items()})


def _per_token(value_K: Floats, group: Group) -> Floats:
    """Repeat the value of each completion for each of its tokens."""
    return np.repeat(value_K, [len(completion.tokens) for completion in group.completions]).astype(np.float32)
