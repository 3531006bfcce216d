"""Rewards of completions. Most rewards read text; a reward model reads tokens."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from posttrain.core.group import Floats, Group
from posttrain.data.chat.encode import encode_example
from posttrain.data.chat.renderer import Renderer
from posttrain.data.chat.template_arguments import variables_of
from posttrain.data.example import Example
from posttrain.data.sets.prompts import Prompt
from posttrain.generation.request import Generation
from posttrain.policy.load import Policy
from posttrain.ranks.exchange import spread
from posttrain.rewards.model import reward_model_scores
from posttrain.rewards.score import Reward, combined, reward_verdicts
from posttrain.rewards.types import Failed, NotApplicable, Score
from posttrain.rollouts.types import Rollout, groups_of


@dataclass(frozen=True, slots=True)
class RewardModel:
    """A reward model, ready to score.

    Args:
        policy: the model, loaded for the task ``score``.
        weight: its weight in the sum of rewards.
        renderer: renders conversations for it; None if it reads the tokens of the trained policy.
    """

    policy: Policy
    weight: float
    renderer: Renderer | None = None


@dataclass(frozen=True, slots=True)
class Scorer:
    """The rewards and reward models that score a stage's completions.

    Args:
        rewards: the rewards that read text.
        judges: the reward models.
        row_tokens: number of tokens that a reward model computes at once.
        max_failures: see `combined`.
        on_failure: receives a sentence on each failure, with the row and the reward.
        on_not_applicable: receives a reward's name, a reason, and the number of completions that it did not apply to.
    """

    rewards: Mapping[str, Reward]
    judges: Mapping[str, RewardModel]
    row_tokens: int
    max_failures: float
    on_failure: Callable[[str], None]
    on_not_applicable: Callable[[str, str, int], None] = lambda name, reason, count: None

    @property
    def learnt(self) -> frozenset[str]:
        """Names of the rewards that have a weight."""
        weights = {name: reward.weight for rewards in (self.rewards, self.judges) for name, reward in rewards.items()}
        return frozenset(name for name, weight in weights.items() if weight)


def scored(
    prompts: Sequence[Prompt], written: Sequence[Sequence[Generation]], texts: Sequence[Sequence[str]], scorer: Scorer
) -> Rollout:
    """Score K completions of each prompt.

    Args:
        texts: the completions as text; see `answer_text`.

    Raises:
        RunError: a reward failed too often.
    """
    verdicts = {name: _verdicts(reward, prompts, texts) for name, reward in scorer.rewards.items()}
    for name, judge in scorer.judges.items():
        verdicts[name] = _judged(judge, prompts, written, texts, scorer.row_tokens)
    weights = {name: reward.weight for rewards in (scorer.rewards, scorer.judges) for name, reward in rewards.items()}
    wheres = [prompt.where for prompt, completions in zip(prompts, written, strict=True) for _ in completions]
    result = combined(verdicts, weights, wheres, max_failures=scorer.max_failures)
    for sentence in result.failures:
        scorer.on_failure(sentence)
    for name, reasons in result.not_applicable.items():
        for reason, times in reasons.items():
            scorer.on_not_applicable(name, reason, times)
    count = len(written[0])
    return Rollout(
        prompts=tuple(prompts),
        written=tuple(tuple(group) for group in written),
        texts=tuple(tuple(group) for group in texts),
        reward_GK=_array(result.total, count),
        components={name: _array(values, count) for name, values in result.components.items()},
        costs=frozenset(name for name, weight in weights.items() if weight < 0),
        not_applicable=result.not_applicable,
    )


def _verdicts(
    reward: Reward, prompts: Sequence[Prompt], texts: Sequence[Sequence[str]]
) -> Sequence[float | NotApplicable | Failed]:
    """A reward's verdict on each completion. The ranks divide the prompts among them."""

    def verdicts_on(part: Sequence[tuple[Prompt, Sequence[str]]]) -> list[list[float | NotApplicable | Failed]]:
        completions = [text for _, group in part for text in group]
        verdicts = iter(reward_verdicts(reward.function, completions, [p.row for p, group in part for _ in group]))
        return [[next(verdicts) for _ in group] for _, group in part]

    return list(chain.from_iterable(spread(list(zip(prompts, texts, strict=True)), verdicts_on)))


def _judged(
    judge: RewardModel,
    prompts: Sequence[Prompt],
    written: Sequence[Sequence[Generation]],
    texts: Sequence[Sequence[str]],
    row_tokens: int,
) -> Sequence[float | Failed]:
    """The reward model's score of each completion; a failure if the completion cannot be encoded."""
    if judge.renderer is None:
        return list(reward_model_scores(judge.policy, groups_of(prompts, written), row_tokens=row_tokens))
    conversations = [
        Example(
            prompt.where,
            prompt.messages,
            (({"role": "assistant", "content": text},),),
            template_arguments=prompt.template_arguments,
        )
        for prompt, group in zip(prompts, texts, strict=True)
        for text in group
    ]
    return conversation_scores(judge.policy, judge.renderer, conversations, row_tokens=row_tokens)


def conversation_scores(
    policy: Policy, renderer: Renderer, conversations: Sequence[Example], *, row_tokens: int = 4096
) -> list[float | Failed]:
    """A reward model's score of each conversation, read as text; a failure if the conversation cannot be encoded.

    Of a row's own template arguments, the reward model's template gets those that it reads.

    Args:
        policy: opened for the task ``score``.
        renderer: the renderer of the reward model.
        conversations: prompts with one completion each.
        row_tokens: see `reward_model_scores`.
    """
    reads = frozenset[str]() if renderer.template is None else variables_of(renderer.template.source)
    encoded = [encode_example(_with_readable(c, reads), renderer, wordless=True) for c in conversations]
    groups = [group for group in encoded if isinstance(group, Group)]
    values = iter(reward_model_scores(policy, groups, row_tokens=row_tokens))
    return [next(values) if isinstance(group, Group) else Failed(group) for group in encoded]


def _with_readable(conversation: Example, reads: frozenset[str]) -> Example:
    own = conversation.template_arguments
    kept = {name: value for name, value in own.items() if name in reads}
    return replace(conversation, template_arguments=kept) if len(kept) < len(own) else conversation


def _array(values: Sequence[Score], count: int) -> Floats:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float32).reshape(-1, count)
