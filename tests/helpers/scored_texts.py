"""Scores of texts by rewards that read text."""

from collections.abc import Mapping, Sequence

from posttrain.rewards.score import Reward, Scored, combined, reward_verdicts
from posttrain.rewards.types import Row


def score_completions(
    rewards: Mapping[str, Reward],
    completions: Sequence[str],
    rows: Sequence[Row],
    wheres: Sequence[str],
    max_failures: float = 0.1,
) -> Scored:
    verdicts = {name: reward_verdicts(reward.function, completions, rows) for name, reward in rewards.items()}
    weights = {name: reward.weight for name, reward in rewards.items()}
    return combined(verdicts, weights, wheres, max_failures=max_failures)
