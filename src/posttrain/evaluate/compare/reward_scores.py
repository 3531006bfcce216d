"""A reward model as the judge of pairs: the answer with the higher score wins."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from posttrain.core.group import Group
from posttrain.data.chat.encode import encode_example
from posttrain.data.chat.renderer import Renderer, renderer_of
from posttrain.data.example import Example
from posttrain.data.options import DataSource, RowOptions
from posttrain.errors import InputError, RunError
from posttrain.evaluate.compare.pairs import AnswerPair, Outcome
from posttrain.evaluate.compare.verdicts import PairVerdict
from posttrain.policy.load import Policy, end_tokens_of
from posttrain.policy.open import open_policy
from posttrain.policy.options import PolicyOptions
from posttrain.policy.shape import positions_of
from posttrain.rewards.model import reward_model_scores


@dataclass(frozen=True, slots=True)
class OpenRewardModel:
    """A reward model with the renderer that turns conversations into its tokens."""

    policy: Policy
    renderer: Renderer


def open_reward_model(name: str, options: PolicyOptions, template: str | None = None) -> OpenRewardModel:
    """Load a reward model.

    Args:
        name: a folder or a hub id.
        template: chat template; the model's own if None.

    Raises:
        InputError: it cannot be loaded, or it has no trained scalar head.
    """
    policy = open_policy(name, options, task="score", train=False)
    if not policy.base.score.weight.any():
        raise InputError(f"{name}: has no trained scalar head, so every score would be 0; is it a reward model?")
    renderer, _ = renderer_of(
        RowOptions(data=(DataSource(path="none"),), template=template),  # no data is read
        policy.tokenizer,
        end_tokens=end_tokens_of(name, policy.tokenizer, policy.base.config),
        positions=positions_of(policy.base.config),
        base=Path(),
    )
    return OpenRewardModel(policy, renderer)


def score_pairs(pairs: Sequence[AnswerPair], model: OpenRewardModel) -> list[PairVerdict]:
    """The reward model's verdict on each pair. Identical answers are a tie; a pair too long for it is not judged.

    Raises:
        RunError: no pair can be encoded for it.
    """
    encoded = [[_encoded(pair, text, model.renderer) for text in (pair.a, pair.b)] for pair in pairs]
    groups = [group for both in encoded for group in both if isinstance(group, Group)]
    if pairs and not groups:
        raise RunError(f"the reward model can read no answer: {encoded[0][0]}")
    scores = iter(reward_model_scores(model.policy, groups))
    found = [[next(scores) if isinstance(group, Group) else None for group in both] for both in encoded]
    problems = [[str(group) for group in both if not isinstance(group, Group)] for both in encoded]
    return [_verdict(*each) for each in zip(pairs, found, problems, strict=True)]


def _verdict(pair: AnswerPair, scores: Sequence[float | None], problems: Sequence[str]) -> PairVerdict:
    a, b = scores
    details = {"scores": {"A": a, "B": b}}
    if a is None or b is None:
        return PairVerdict(pair, None, tuple(problems), details)
    outcome: Outcome = "tie" if a == b or pair.identical else "A" if a > b else "B"
    return PairVerdict(pair, outcome, details=details)


def _encoded(pair: AnswerPair, text: str, renderer: Renderer) -> Group | str:
    """The tokens of one answer after its prompt, or the reason why there are none."""
    answer = ({"role": "assistant", "content": text},)
    return encode_example(Example(pair.where, pair.messages, (answer,)), renderer, wordless=True)
