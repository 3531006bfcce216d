"""The types of a rollout: its completions with their rewards, and the state that it passes to the next one."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from posttrain.core.group import Completion, Floats, Group
from posttrain.data.sets.prompts import Prompt
from posttrain.generation.request import Generation

Metrics = Mapping[str, float | None]
"""Metrics of a rollout, under TRL's names."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """Completions of the policy with their rewards: ``K`` completions for each of ``G`` prompts.

    Args:
        prompts: the G prompts.
        written: the K completions of each prompt.
        texts: the same completions as text; see `answer_text`.
        reward_GK: the weighted sum of the rewards; NaN if no reward applies.
        components: name → the values of that reward alone, without its weight, [G, K].
        costs: names of the rewards with a weight below 0.
        not_applicable: reward → reason → number of completions that the reward did not apply to.
    """

    prompts: tuple[Prompt, ...]
    written: tuple[tuple[Generation, ...], ...]
    texts: tuple[tuple[str, ...], ...]
    reward_GK: Floats
    components: Mapping[str, Floats]
    costs: frozenset[str] = frozenset()
    not_applicable: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def groups(self) -> list[Group]:
        """The completions as groups; see `groups_of`."""
        return groups_of(self.prompts, self.written)

    def chosen(self, places: Sequence[int]) -> "Rollout":
        """Select some of the prompts; `not_applicable` still counts over all prompts."""
        index = np.array(places, dtype=np.int64)
        return Rollout(
            tuple(self.prompts[i] for i in places),
            tuple(self.written[i] for i in places),
            tuple(self.texts[i] for i in places),
            self.reward_GK[index],
            {name: values[index] for name, values in self.components.items()},
            self.costs,
            self.not_applicable,
        )

    def joined(self, other: "Rollout") -> "Rollout":
        """One rollout of both: this one's prompts, then the other's."""
        return Rollout(
            self.prompts + other.prompts,
            self.written + other.written,
            self.texts + other.texts,
            np.concatenate([self.reward_GK, other.reward_GK]),
            {name: np.concatenate([values, other.components[name]]) for name, values in self.components.items()},
            self.costs,
            {
                name: Counter(self.not_applicable.get(name, {})) + Counter(other.not_applicable.get(name, {}))
                for name in self.components
            },
        )

    def learnt_GK(self, *, mask_truncated: bool) -> Floats:
        """The rewards that advantages use; with `mask_truncated`, NaN for a completion cut at the limit."""
        if not mask_truncated:
            return self.reward_GK
        ended_GK = np.array([[completion.ended for completion in group] for group in self.written])
        return np.where(ended_GK, self.reward_GK, np.float32(np.nan))


def groups_of(prompts: Sequence[Prompt], written: Sequence[Sequence[Generation]]) -> list[Group]:
    """Groups in which all tokens of the completions bear loss. The column ``old_logp`` holds the log-probs of
    sampling; the column ``importance`` holds the importance weights, if there are any."""
    groups = [
        Group(
            prompt.where,
            prompt.tokens,
            tuple(Completion(g.tokens, np.ones(len(g.tokens), np.bool_)) for g in generations),
            {"old_logp": np.concatenate([g.logp for g in generations])},
        )
        for prompt, generations in zip(prompts, written, strict=True)
    ]
    weights = [[g.importance for g in generations if g.importance is not None] for generations in written]
    return with_column(groups, "importance", [np.concatenate(w) for w in weights]) if any(weights) else groups


def with_column(groups: Sequence[Group], name: str, values: Sequence[Floats]) -> list[Group]:
    """The groups with one more column."""
    return [replace(g, columns={**g.columns, name: v}) for g, v in zip(groups, values, strict=True)]


@dataclass(frozen=True, slots=True)
class RolloutState:
    """The state that one rollout passes to the next; it is saved with each rollout for a resume.

    Args:
        cursor: number of prompts drawn so far, over all epochs.
        beta: the KL coefficient of the next rollout.
        first: figures of the first rollout; they scale later scores, and alarms compare later rollouts with them.
        judged: number of completions so far with a number from a reward that has a weight.
    """

    cursor: int = 0
    beta: float = 0.0
    first: Mapping[str, Any] = field(default_factory=dict)
    judged: int = 0


AdvantageFn = Callable[[Rollout, RolloutState], tuple[list[Group], Metrics, RolloutState]]
"""(rollout, state) → groups with the columns that the objective needs, metrics, and the state for the next rollout."""

Reference = Callable[[Sequence[Group]], list[Floats]]
"""Computes the log-probs of each group's loss tokens under the reference model."""
