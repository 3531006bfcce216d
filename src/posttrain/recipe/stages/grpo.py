"""Options of group-relative policy optimisation."""

from typing import ClassVar, Literal

from pydantic import Field

from posttrain.advantages.options import GRPOAdvantageOptions
from posttrain.objectives.options import PolicyGradientOptions
from posttrain.recipe.stages.on_policy import OnPolicyStage


class GRPOStage(OnPolicyStage, PolicyGradientOptions, GRPOAdvantageOptions):
    """GRPO compares each completion's reward with the mean of its group. It needs no value network."""

    runner: ClassVar[str] = "posttrain.stages.grpo"
    starter: ClassVar[str] = "posttrain.recipe:starters/grpo.yaml"

    kind: Literal["grpo"]
    num_generations: int = Field(default=8, ge=2, description="completions per prompt; they form a group")
    beta: float = Field(
        default=0.0, ge=0, description="weight of the KL term in the loss (k3; reference: the start model); 0: none"
    )
    dynamic_sampling: int = Field(
        default=0,
        ge=0,
        description="DAPO: groups with equal rewards are replaced; at most this many times the rollout's prompts are "
        "drawn; 0: off",
    )

    @property
    def needs_reference(self) -> bool:
        """Whether the KL term or the alarm ``max_kl`` needs the reference model."""
        return self.beta > 0 or self.alarms.max_kl is not None
