"""The reward `model`: the score of a reward model, as the stage `reward` saves it. It reads tokens."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from posttrain.rewards.types import RewardKind, RewardOptions

if TYPE_CHECKING:
    from posttrain.core.group import Group
    from posttrain.policy.load import Policy


class ModelReward(RewardOptions):
    """The score of a reward model. It reads tokens, so the stage calls `reward_model_scores` with its groups."""

    kind: Literal["model"]
    model: str = Field(min_length=1, description="a reward stage of this recipe, a folder, or a hub id")


def reward_model_scores(policy: "Policy", groups: "Sequence[Group]", *, row_tokens: int = 4096) -> list[float]:
    """The scalar head's value at each completion's last token.

    Args:
        policy: opened for the task ``score``; its vocabulary is that of the groups' tokens.
        row_tokens: tokens packed into one row; it bounds memory, and the scores do not depend on it.

    Returns:
        the scores of the completions, group after group.
    """
    from posttrain.policy.inference import outputs_by_group

    scores: list[float] = []
    for outputs in outputs_by_group(policy, groups, {"score"}, row_tokens):
        assert outputs.score_C is not None
        scores += outputs.score_C.tolist()
    return scores


REWARDS = (RewardKind(ModelReward, make=None, needs_model=True),)
