"""A rollout's completions with their rewards, and what one rollout hands to the next."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from posttrain.core.group import Completion, Floats, Group
from posttrain.data.sets.prompts import Prompt
from posttrain.generation.request import Generation

Metrics = Mapping[str, float | None]
"""Metrics of a rollout, under the names TRL users know."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """Completions of the policy with their rewards. ``G`` prompts, ``K`` completions each.

    Args:
        prompts: G.
        written: G times K completions.
        texts: the same as text; see `answer_text`.
        reward_GK: the weighted sum of rewards; NaN where none applies.
        components: each reward alone, unweighted, [G, K].
        costs: names of those that count against a completion (a weight below 0).
        not_applicable: reward → reason → completions that it could not judge.
    """

    prompts: tuple[Prompt, ...]
    written: tuple[tuple[Generation, ...], ...]
    texts: tuple[tuple[str, ...], ...]
    reward_GK: Floats
    components: Mapping[str, Floats]
    costs: frozenset[str] = frozenset()
    not_applicable: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def groups(self) -> list[Group]:
        """See `groups_of`."""
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
        """This one's prompts, then the other's."""
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
        """The rewards that decide if a group varies; with `mask_truncated`, none for a completion cut at the limit."""
        if not mask_truncated:
            return self.reward_GK
        ended_GK = np.array([[one.ended for one in some] for some in self.written])
        return np.where(ended_GK, self.reward_GK, np.float32(np.nan))


def groups_of(prompts: Sequence[Prompt], written: Sequence[Sequence[Generation]]) -> list[Group]:
    """Every completion with all its tokens bearing loss, and the log-probs it was drawn with as ``old_logp``; its
    ``importance`` too, where it has any."""
    groups = [
        Group(
            prompt.where,
            prompt.tokens,
            tuple(Completion(one.tokens, np.ones(len(one.tokens), np.bool_)) for one in some),
            {"old_logp": np.concatenate([one.logp for one in some])},
        )
        for prompt, some in zip(prompts, written, strict=True)
    ]
    weights = [[one.importance for one in some if one.importance is not None] for some in written]
    return with_column(groups, "importance", [np.concatenate(one) for one in weights]) if any(weights) else groups


def with_column(groups: Sequence[Group], name: str, values: Sequence[Floats]) -> list[Group]:
    """The groups with one more column."""
    return [replace(g, columns={**g.columns, name: v}) for g, v in zip(groups, values, strict=True)]


@dataclass(frozen=True, slots=True)
class RolloutState:
    """The state that one rollout passes to the next; it is saved with each rollout for a resume.

    Args:
        cursor: prompts taken so far, over all epochs.
        beta: KL coefficient of the next rollout.
        first: figures of the first rollout, which rewards are scaled by and alarms compare with.
        judged: completions so far that a reward with a weight gave a number.
    """

    cursor: int = 0
    beta: float = 0.0
    first: Mapping[str, Any] = field(default_factory=dict)
    judged: int = 0


AdvantageFn = Callable[[Rollout, RolloutState], tuple[list[Group], Metrics, RolloutState]]
"""From rewards to groups with the columns the objective needs, metrics, and what the next rollout must know."""

Reference = Callable[[Sequence[Group]], list[Floats]]
"""Log-probs of each group's loss tokens under the reference model."""
