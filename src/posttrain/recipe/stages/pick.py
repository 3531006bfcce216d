"""Options of the stage in which rewards choose among candidates."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from posttrain.candidates.pick_options import PickOptions
from posttrain.data.options import Sources
from posttrain.policy.options import PlaceOptions
from posttrain.recipe.stages.base import Makes
from posttrain.recipe.stages.rewarded import RewardedStage, Rewards


class PickStage(RewardedStage, PickOptions, PlaceOptions):
    """The stage in which rewards, a reward model or a judge choose among candidates. It trains nothing."""

    runner: ClassVar[str] = "posttrain.stages.pick"
    starter: ClassVar[str] = "posttrain.recipe:starters/pick.yaml"
    makes: ClassVar[Makes] = "data"
    product: ClassVar[str | None] = "picked.jsonl"

    kind: Literal["pick"]
    data: Sources = Field(
        description="candidates: names of `candidates` stages, or files of rows {prompt, candidates: [{id, text}, ...]}"
    )
    rewards: Annotated[Rewards, Field(min_length=1)] = Field(
        description="name → reward; candidates are compared by their weighted sum"
    )
    max_failures: float = Field(
        default=0.1, ge=0, le=1, description="largest share of the candidates of 64 prompts on which a reward may fail"
    )

    @property
    def paths(self) -> tuple[str, ...]:
        """All data paths of the stage."""
        return tuple(source.path for source in self.data)
