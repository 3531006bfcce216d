"""Scores of completions by a reward model in this process."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from posttrain.core.group import Group
from posttrain.data.chat.encode import encode_example
from posttrain.data.chat.renderer import Renderer
from posttrain.data.example import Example
from posttrain.evaluate.answers import OnDone, PairRewards
from posttrain.evaluate.policy_logprobs import PORTION, ROW_TOKENS, whole_rows
from posttrain.evaluate.questions import Question
from posttrain.policy.load import Policy
from posttrain.rewards.model import reward_model_scores


def policy_pair_rewards(policy: Policy, renderer: Renderer) -> PairRewards:
    """The scores of each row's ``completions``; NaN where its tokens are no group, such as equal completions.

    Args:
        policy: opened for the task ``score``.
        renderer: how conversations become the model's tokens.
    """
    whole = whole_rows(policy, renderer)

    def rewards(questions: Sequence[Question], done: OnDone) -> list[list[float]]:
        found: list[list[float]] = []
        for start in range(0, len(questions), PORTION):
            part = questions[start : start + PORTION]
            encoded = [encode_example(_example(q), replace(whole, seen=Counter()), wordless=True) for q in part]
            groups = [group for group in encoded if isinstance(group, Group)]
            scores = iter(reward_model_scores(policy, groups, row_tokens=ROW_TOKENS))
            for question, group in zip(part, encoded, strict=True):
                count = len(question.row["completions"])
                found.append([next(scores) if isinstance(group, Group) else float("nan") for _ in range(count)])
            done(len(found))
        return found

    return rewards


def _example(question: Question) -> Example:
    row = question.row
    own = question.template_arguments
    return Example(question.where, question.messages, row["completions"], tools=row["tools"], template_arguments=own)
