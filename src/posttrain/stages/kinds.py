"""Every kind of stage a recipe can name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from posttrain.stages import candidates, dpo, grpo, ift, on_policy, ppo, rank, reward, sft, training
from posttrain.stages.candidates import CandidatesStage
from posttrain.stages.context import Context, Figure
from posttrain.stages.dpo import DPOStage
from posttrain.stages.grpo import GRPOStage
from posttrain.stages.ift import IFTStage
from posttrain.stages.on_policy import OnPolicy
from posttrain.stages.ppo import PPOStage
from posttrain.stages.rank import RankStage
from posttrain.stages.reward import RewardStage
from posttrain.stages.sft import SFTStage
from posttrain.stages.technique import Look, Makes, Technique

Stage = Annotated[
    SFTStage | IFTStage | RewardStage | DPOStage | PPOStage | GRPOStage | CandidatesStage | RankStage,
    Field(discriminator="kind"),
]


Run = Callable[[Any, Context], dict[str, Figure]]
See = Callable[[Any, Context], Look]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of stage.

    Args:
        options: what the recipe can say.
        run: what it does.
        look: what it would do, for plans.
        makes: what it leaves: a model that writes, one that scores, or data and no model.
        product: the file of data that it leaves, which later stages read under the stage's name.
    """

    options: type[Any]
    run: Run
    look: See
    makes: Makes = "causal"
    product: str | None = None


def _curated(technique: Callable[[Any, int], Technique]) -> tuple[Run, See]:
    """A stage on data that is there beforehand."""
    return (
        lambda stage, context: training.train(stage, technique(stage, context.seed), context),
        lambda stage, context: training.look(stage, technique(stage, context.seed), context),
    )


def _on_policy(technique: Callable[[Any], OnPolicy]) -> tuple[Run, See]:
    """A stage on what the model itself writes."""
    return lambda stage, context: on_policy.train_on_policy(stage, technique(stage), context), on_policy.look


KINDS: Mapping[str, Kind] = {
    "sft": Kind(SFTStage, *_curated(sft.technique)),
    "ift": Kind(IFTStage, *_curated(ift.technique)),
    "dpo": Kind(DPOStage, *_curated(dpo.technique)),
    "reward": Kind(RewardStage, *_curated(reward.technique), makes="score"),
    "ppo": Kind(PPOStage, *_on_policy(ppo.technique)),
    "grpo": Kind(GRPOStage, *_on_policy(grpo.technique)),
    "candidates": Kind(CandidatesStage, candidates.write, candidates.look, "data", candidates.FILE),
    "rank": Kind(RankStage, rank.rank, rank.look, "data", rank.FILE),
}
