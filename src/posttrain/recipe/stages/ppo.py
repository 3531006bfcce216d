"""Options of proximal policy optimisation."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from posttrain.advantages.options import PPOAdvantageOptions
from posttrain.objectives.options import PolicyGradientOptions, ValueOptions
from posttrain.recipe.stages.on_policy import OnPolicyStage

ValueModel = Literal["shared", "separate"]


class PPOStage(OnPolicyStage, PolicyGradientOptions, ValueOptions, PPOAdvantageOptions):
    """PPO: value head on the policy's own trunk, GAE, KL in the reward. The 37 known details: docs/ppo.md."""

    runner: ClassVar[str] = "posttrain.stages.ppo"
    starter: ClassVar[str] = "posttrain.recipe:starters/ppo.yaml"

    kind: Literal["ppo"]
    batch_size: int = Field(default=32, ge=1, description="prompts per optimiser step")
    num_generations: int = Field(default=1, ge=1, description="completions of each prompt")
    inner_epochs: int = Field(default=4, ge=1, description="how often each completion of a rollout is learnt from")
    beta: float = Field(default=0.05, ge=0, description="KL to the model before training, per nat, off the reward")
    value_model: ValueModel = Field(
        default="shared",
        description="shared: a head on the policy's own trunk; separate: on a trunk of its own, twice the memory",
    )

    @model_validator(mode="after")
    def _no_second_trunk_beside_adapters(self) -> "PPOStage":
        if self.lora is not None and self.value_trunk:
            raise ValueError("`value_model: separate` trains all weights of a second model; leave it out, or `lora`")
        return self

    @property
    def value_trunk(self) -> bool:
        """Whether a second trunk is trained, for the value alone."""
        return self.value_model == "separate"
