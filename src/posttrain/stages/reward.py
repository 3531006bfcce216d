"""A reward model: a scalar head that ranks completions as people did."""

from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from posttrain.stages.context import Figure
from posttrain.stages.technique import Technique, TrainingStage

if TYPE_CHECKING:
    from posttrain.data.sets.store import GroupStore


class RewardStage(TrainingStage):
    """Bradley-Terry on pairs or rankings; the model serves RLHF, best-of-n and evaluation."""

    kind: Literal["reward"]
    learning_rate: float = Field(default=1e-5, gt=0, lt=1, description="peak learning rate")
    ties: Literal["exclude", "half"] = Field(default="exclude", description="equal ranks: left out, or half a win each")


def technique(stage: RewardStage, seed: int) -> Technique:
    """Two or more completions a prompt; beside it the baseline that calls the longer one better."""
    from posttrain.data.sets.split import part_of
    from posttrain.objectives.reward import reward_objective
    from posttrain.train.batches import shuffled

    share = stage.validation if isinstance(stage.validation, float) else 0.0
    return Technique(
        kind="preference",
        task="score",
        objective=reward_objective(stage.ties),
        part_of=partial(part_of, seed=seed, validation=share, tasks=(), phrasings=()),
        order=lambda prepared: shuffled(len(prepared.train), seed),
        figures=longer_wins,
    )


def longer_wins(store: "GroupStore") -> dict[str, Figure]:
    """Accuracy of calling the longer completion (in tokens) better: what a reward model must beat."""
    from posttrain.statistics.intervals import wilson

    right, pairs = 0.0, 0
    for index in range(len(store)):
        group = store[index]
        rank, lengths = group.columns["rank"], [len(c.tokens) for c in group.completions]
        for better in range(len(rank)):
            for worse in range(len(rank)):
                if rank[better] < rank[worse]:
                    pairs += 1
                    right += (lengths[better] > lengths[worse]) + 0.5 * (lengths[better] == lengths[worse])
    if not pairs:
        return {}
    sure = wilson(round(right), pairs)
    return {"eval_longer_wins_accuracy": Figure(None, right / pairs, pairs, sure, "share", "pairs")}
