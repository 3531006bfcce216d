"""Options of proximal policy optimisation."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from posttrain.advantages.options import PPOAdvantageOptions
from posttrain.objectives.options import PolicyGradientOptions, ValueOptions
from posttrain.recipe.stages.on_policy import OnPolicyStage

ValueModel = Literal["shared", "separate"]


class PPOStage(OnPolicyStage, PolicyGradientOptions, ValueOptions, PPOAdvantageOptions):
    """PPO uses a value head, GAE, and a KL penalty in the reward. docs/ppo.md lists the 37 known details."""

    runner: ClassVar[str] = "posttrain.stages.ppo"
    starter: ClassVar[str] = "posttrain.recipe:starters/ppo.yaml"

    kind: Literal["ppo"]
    batch_size: int = Field(default=32, ge=1, description="prompts per optimiser step")
    num_generations: int = Field(default=1, ge=1, description="completions per prompt")
    inner_epochs: int = Field(default=4, ge=1, description="passes over each rollout")
    beta: float = Field(
        default=0.05, ge=0, description="weight of the KL penalty in the reward (reference: the start model)"
    )
    value_model: ValueModel = Field(
        default="shared",
        description="shared: the value head uses the policy's trunk; separate: its own trunk, which doubles the memory",
    )

    @model_validator(mode="after")
    def _no_second_trunk_beside_adapters(self) -> "PPOStage":
        if self.lora is not None and self.value_trunk:
            raise ValueError("`value_model: separate` trains all weights of a second model; remove it or `lora`")
        return self

    @property
    def value_trunk(self) -> bool:
        """Whether the value function has a trunk of its own."""
        return self.value_model == "separate"

    @property
    def can_be_in_shards(self) -> bool:
        """Whether the weights can be divided among processes; a second trunk is a copy of the first, which is whole."""
        return super().can_be_in_shards and not self.value_trunk
