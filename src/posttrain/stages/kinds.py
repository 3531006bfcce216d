"""Every kind of stage a recipe can name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from posttrain.stages import dpo, ift, reward, sft
from posttrain.stages.context import Context, Figure
from posttrain.stages.dpo import DPOStage
from posttrain.stages.ift import IFTStage
from posttrain.stages.reward import RewardStage
from posttrain.stages.sft import SFTStage
from posttrain.stages.technique import Technique

Stage = Annotated[SFTStage | IFTStage | RewardStage | DPOStage, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of stage.

    Args:
        options: what the recipe can say.
        run: what it does.
        technique: what it trains with, for plans.
        makes: the kind of model it leaves: one that writes, or one that scores.
    """

    options: type[Any]
    run: Callable[[Any, Context], dict[str, Figure]]
    technique: Callable[[Any, int], Technique]
    makes: Literal["causal", "score"]


KINDS: Mapping[str, Kind] = {
    "sft": Kind(SFTStage, sft.run, sft.technique, "causal"),
    "ift": Kind(IFTStage, ift.run, ift.technique, "causal"),
    "dpo": Kind(DPOStage, dpo.run, dpo.technique, "causal"),
    "reward": Kind(RewardStage, reward.run, reward.technique, "score"),
}
