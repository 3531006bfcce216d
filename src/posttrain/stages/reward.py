"""A reward model: a scalar head learns to rank completions as annotators ranked them."""

from posttrain.data.sets.store import GroupStore
from posttrain.evaluate.length_baseline import longer_wins
from posttrain.objectives.reward import reward_objective
from posttrain.recipe.stages.reward import RewardStage
from posttrain.stages.context import Figure
from posttrain.stages.technique import Technique
from posttrain.stages.training import curated
from posttrain.statistics.intervals import wilson
from posttrain.train.batches import shuffled


def _technique(stage: RewardStage, seed: int) -> Technique:
    """The reward model's objective. Its summary also has the baseline that prefers the longer completion."""
    return Technique(
        task="score",
        objective=reward_objective(stage),
        order=lambda prepared: shuffled(len(prepared.train), seed),
        figures=_length_baseline,
    )


def _length_baseline(store: GroupStore) -> dict[str, Figure]:
    wins, pairs = longer_wins(store)
    if not pairs:
        return {}
    interval = wilson(round(wins), pairs)
    return {"eval_longer_wins_accuracy": Figure(None, wins / pairs, pairs, interval, "share", "pairs")}


RUNNER = curated(_technique)
