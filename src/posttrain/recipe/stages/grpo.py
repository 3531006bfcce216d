"""Options of group-relative policy optimisation."""

from typing import ClassVar, Literal

from pydantic import Field

from posttrain.advantages.options import GRPOAdvantageOptions
from posttrain.objectives.options import PolicyGradientOptions
from posttrain.recipe.stages.on_policy import OnPolicyStage


class GRPOStage(OnPolicyStage, PolicyGradientOptions, GRPOAdvantageOptions):
    """GRPO: automated reward, group mean and deviation, no value network."""

    runner: ClassVar[str] = "posttrain.stages.grpo"
    starter: ClassVar[str] = "posttrain.recipe:starters/grpo.yaml"

    kind: Literal["grpo"]
    num_generations: int = Field(default=8, ge=2, description="completions of each prompt, judged against each other")
    beta: float = Field(default=0.0, ge=0, description="weight of the KL to the model before training (k3); 0: none")
    dynamic_sampling: int = Field(
        default=0,
        ge=0,
        description="DAPO: groups whose rewards are all equal are replaced, drawing at most so many times the prompts",
    )

    @property
    def needs_reference(self) -> bool:
        """For the KL term, or to watch the KL."""
        return self.beta > 0 or self.alarms.max_kl is not None
