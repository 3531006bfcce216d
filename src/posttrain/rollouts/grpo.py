"""Advantages of GRPO and its relatives: each completion is compared with others of its prompt or of its rollout."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from posttrain.advantages.estimators import (
    centred_rewards,
    gdpo_advantages,
    normalised_returns,
    relative_advantages,
    rloo_advantages,
)
from posttrain.advantages.options import GRPOAdvantageOptions
from posttrain.core.group import Completion, Floats, Group
from posttrain.rollouts.metrics import kl_figures, mean
from posttrain.rollouts.pieces import completion_pieces, joined_pieces
from posttrain.rollouts.types import AdvantageFn, Metrics, Reference, Rollout, RolloutState, with_column


def grpo_advantages(
    options: GRPOAdvantageOptions,
    *,
    reference: Reference | None,
    kl_weight: float = 0.0,
    weights: Mapping[str, float] | None = None,
) -> AdvantageFn:
    """Build the function that adds the column ``advantage``; see `advantages.estimators` for the formulas.

    With `mask_truncated`, a completion cut at the limit bears no loss and does not enter its group's mean (DAPO's
    overlong filtering, arXiv:2503.14476, section 3.4). With `kl: reward`, the KL to the reference (k1, Ouyang et al.
    2022, arXiv:2203.02155, eq. 2) is deducted from the reward before rewards are compared: that of the whole completion
    for grpo and rloo, that of a token and all later ones for reinforce++.

    Args:
        reference: computes ``ref_logp`` for a KL term; None if there is no KL term.
        kl_weight: β, the weight of the KL in the reward.
        weights: reward → weight, for `normalize_each_reward`.
    """

    def advantages(rollout: Rollout, state: RolloutState) -> tuple[list[Group], Metrics, RolloutState]:
        groups, metrics = rollout.groups(), dict[str, float | None]()
        if reference is not None:
            groups = with_column(groups, "ref_logp", reference(groups))
            metrics = kl_figures(groups)
        reward_GK = rollout.learnt_GK(mask_truncated=options.mask_truncated)
        penalties = _penalties(groups, kl_weight) if options.kl == "reward" else None
        if penalties is not None:
            penalised_GK = _penalised(reward_GK, penalties)
            metrics["objective/rlhf_reward"] = mean(penalised_GK)
            if not options.advantage.startswith("reinforce++"):
                reward_GK = penalised_GK
        per_token = _per_token(options, rollout, reward_GK, groups, penalties, weights or {})
        groups = with_column(groups, "advantage", per_token)
        if options.mask_truncated:
            groups = [
                _ended_only(group, [completion.ended for completion in completions])
                for group, completions in zip(groups, rollout.written, strict=True)
            ]
        return groups, metrics, state

    return advantages


def _per_token(
    options: GRPOAdvantageOptions,
    rollout: Rollout,
    reward_GK: Floats,
    groups: Sequence[Group],
    penalties: Sequence[Floats] | None,
    weights: Mapping[str, float],
) -> list[Floats]:
    """The advantage of each token, by group."""
    if options.advantage.startswith("reinforce++"):
        base_GK = centred_rewards(reward_GK) if options.advantage == "reinforce++-baseline" else reward_GK
        if penalties is None:
            penalties = [np.zeros(len(c.tokens), np.float32) for group in groups for c in group.completions]
        return joined_pieces(groups, normalised_returns(base_GK.ravel(), penalties))
    if options.normalize_each_reward:
        known_GK = np.isfinite(reward_GK)
        parts = {name: np.where(known_GK, v, np.float32(np.nan)) for name, v in rollout.components.items()}
        value_GK = gdpo_advantages(parts, weights)
    elif options.advantage == "rloo":
        value_GK = rloo_advantages(reward_GK)
    else:
        value_GK = relative_advantages(reward_GK, options.scale_rewards or "group")
    return [_repeated(value_K, group) for value_K, group in zip(value_GK, groups, strict=True)]


def _penalties(groups: Sequence[Group], kl_weight: float) -> list[Floats]:
    """β k1 of each token, one array for each completion."""
    kl = [group.columns["old_logp"] - group.columns["ref_logp"] for group in groups]
    return completion_pieces(groups, [(kl_weight * kl_N).astype(np.float32) for kl_N in kl])


def _penalised(reward_GK: Floats, penalties: Sequence[Floats]) -> Floats:
    """The rewards minus the penalty of the whole completion."""
    penalty_GK = np.array([penalty.sum(dtype=np.float64) for penalty in penalties]).reshape(reward_GK.shape)
    return (reward_GK - penalty_GK).astype(np.float32)


def _ended_only(group: Group, ended: Sequence[bool]) -> Group:
    """The group without loss on completions that were cut at the limit."""
    keep = np.repeat(ended, [len(completion.tokens) for completion in group.completions])
    completions = tuple(
        completion if is_ended else Completion(completion.tokens, np.zeros_like(completion.loss))
        for completion, is_ended in zip(group.completions, ended, strict=True)
    )
    return replace(group, completions=completions, columns={name: v[keep] for name, v in group.columns.items()})


def _repeated(value_K: Floats, group: Group) -> Floats:
    """Repeat the value of each completion for each of its tokens."""
    return np.repeat(value_K, [len(completion.tokens) for completion in group.completions]).astype(np.float32)
