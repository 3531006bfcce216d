"""Options of group-relative policy optimisation."""

from typing import ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from posttrain.advantages.options import GRPOAdvantageOptions
from posttrain.objectives.options import PolicyGradientOptions
from posttrain.recipe.stages.on_policy import OnPolicyStage


class GRPOStage(OnPolicyStage, PolicyGradientOptions, GRPOAdvantageOptions):
    """GRPO compares each completion's reward with the mean of its group. It needs no value network."""

    runner: ClassVar[str] = "posttrain.stages.grpo"
    starter: ClassVar[str] = "posttrain.recipe:starters/grpo.yaml"

    kind: Literal["grpo"]
    num_generations: int = Field(
        default=8, ge=1, description="completions per prompt; they form a group (1 only with `advantage: reinforce++`)"
    )
    beta: float = Field(default=0.0, ge=0, description="weight of the KL to the start model (see `kl`); 0: none")
    dynamic_sampling: int = Field(
        default=0,
        ge=0,
        description="DAPO: groups with equal rewards are replaced; at most this many times the rollout's prompts are "
        "drawn; 0: off",
    )

    @field_validator("num_generations")
    @classmethod
    def _a_group_has_two(cls, value: int, info: ValidationInfo) -> int:
        if value < 2 and info.data.get("advantage") != "reinforce++":
            raise ValueError(
                "Input should be greater than or equal to 2, since completions of a group are compared; only "
                "`advantage: reinforce++` takes 1"
            )
        return value

    @model_validator(mode="after")
    def _options_agree(self) -> "GRPOStage":
        if self.kl == "reward" and not self.beta:
            raise ValueError("`kl: reward` has no weight; set `beta`, for instance to 0.01, or remove `kl`")
        if self.dynamic_sampling and self.num_generations == 1:
            raise ValueError("`dynamic_sampling` compares the rewards of a group; set `num_generations` above 1")
        if self.dynamic_sampling and self.normalize_each_reward:
            raise ValueError(
                "`dynamic_sampling` replaces groups whose summed rewards are equal, and with `normalize_each_reward` "
                "such groups can teach; remove one of the two"
            )
        return self

    @property
    def needs_reference(self) -> bool:
        """Whether the KL or the alarm ``max_kl`` needs the reference model."""
        return self.beta > 0 or self.alarms.max_kl is not None
