"""Rewards of completions. Most rewards read text; a reward model reads tokens."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from posttrain.core.group import Floats, Group
from posttrain.data.chat.encode import encode_example
from posttrain.data.chat.renderer import Renderer
from posttrain.data.example import Example
from posttrain.data.sets.prompts import Prompt
from posttrain.generation.request import Generation
from posttrain.policy.load import Policy
from posttrain.rewards.model import reward_model_scores
from posttrain.rewards.score import Reward, Scored, score_completions
from posttrain.rewards.types import Failed, Score
from posttrain.rollouts.types import Rollout, groups_of


@dataclass(frozen=True, slots=True)
class RewardModel:
    """A reward model, ready to score.

    Args:
        policy: opened for the task ``score``.
        weight: in the sum of rewards.
        renderer: how it reads a conversation; None where its tokens are the policy's own.
    """

    policy: Policy
    weight: float
    renderer: Renderer | None = None


@dataclass(frozen=True, slots=True)
class Scorer:
    """All that scores a stage's completions.

    Args:
        rewards: of texts.
        judges: reward models.
        row_tokens: tokens a reward model computes at once.
        max_failures: see `score_completions`.
        on_failure: given each failure, a sentence with row and reward.
        on_not_applicable: given each reward's name, a reason, and for how many completions it could not judge.
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
        weights = {name: one.weight for some in (self.rewards, self.judges) for name, one in some.items()}
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
    flat = list(chain.from_iterable(texts))
    each = [prompt for prompt, some in zip(prompts, written, strict=True) for _ in some]
    rewards = dict(scorer.rewards)
    for name, judge in scorer.judges.items():
        found = _judged(judge, prompts, written, texts, scorer.row_tokens)
        rewards[name] = Reward(lambda completions, rows, found=found: found, judge.weight)
    result: Scored = score_completions(
        rewards, flat, [p.row for p in each], [p.where for p in each], max_failures=scorer.max_failures
    )
    for sentence in result.failures:
        scorer.on_failure(sentence)
    for name, reasons in result.not_applicable.items():
        for reason, times in reasons.items():
            scorer.on_not_applicable(name, reason, times)
    count = len(written[0])
    return Rollout(
        prompts=tuple(prompts),
        written=tuple(tuple(some) for some in written),
        texts=tuple(tuple(some) for some in texts),
        reward_GK=_array(result.total, count),
        components={name: _array(values, count) for name, values in result.components.items()},
        costs=frozenset(name for name, reward in rewards.items() if reward.weight < 0),
        not_applicable=result.not_applicable,
    )


def _judged(
    judge: RewardModel,
    prompts: Sequence[Prompt],
    written: Sequence[Sequence[Generation]],
    texts: Sequence[Sequence[str]],
    row_tokens: int,
) -> list[Score | Failed]:
    if judge.renderer is None:
        return list(reward_model_scores(judge.policy, groups_of(prompts, written), row_tokens=row_tokens))
    read = [_read(p, text, judge.renderer) for p, some in zip(prompts, texts, strict=True) for text in some]
    values = iter(reward_model_scores(judge.policy, [g for g in read if isinstance(g, Group)], row_tokens=row_tokens))
    return [next(values) if isinstance(one, Group) else Failed(one) for one in read]


def _read(prompt: Prompt, text: str, renderer: Renderer) -> Group | str:
    """The conversation as a reward model with another tokenizer reads it."""
    return encode_example(
        Example(prompt.where, prompt.messages, (({"role": "assistant", "content": text},),)), renderer, wordless=True
    )


def _array(values: Sequence[Score], count: int) -> Floats:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float32).reshape(-1, count)
