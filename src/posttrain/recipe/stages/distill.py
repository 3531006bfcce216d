"""Options of on-policy distillation."""

from typing import ClassVar, Literal

from pydantic import Field

from posttrain.objectives.options import PolicyGradientOptions
from posttrain.recipe.stages.base import OtherModel
from posttrain.recipe.stages.on_policy import OnPolicyStage, Rewards


class DistillStage(OnPolicyStage, PolicyGradientOptions):
    """On-policy distillation: the policy answers, and a teacher's log-prob of each token is what it learns from."""

    runner: ClassVar[str] = "posttrain.stages.distill"
    starter: ClassVar[str] = "posttrain.recipe:starters/distill.yaml"

    kind: Literal["distill"]
    teacher: str = Field(
        min_length=1, description="model with the same tokenizer: an earlier stage's name, a folder or a hub id"
    )
    rewards: Rewards = Field(default={}, description="name → reward that is only measured on the completions")
    num_generations: int = Field(default=4, ge=1, description="completions per prompt")

    @property
    def learns_from_rewards(self) -> bool:
        """False: the teacher's log-probs are learnt from, and rewards are only measured."""
        return False

    @property
    def reference_name(self) -> str:
        """The teacher, whose log-probs take the place of the reference model's."""
        return self.teacher

    @property
    def others(self) -> tuple[OtherModel, ...]:
        """The teacher, and the reward models of the stage."""
        return OtherModel("teacher", self.teacher, "causal"), *super().others
