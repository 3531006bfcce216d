"""Options of on-policy distillation."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from posttrain.generation.options import ScoringEndpointOptions
from posttrain.objectives.options import PolicyGradientOptions
from posttrain.recipe.stages.base import OtherModel
from posttrain.recipe.stages.candidates import name_or_server
from posttrain.recipe.stages.on_policy import OnPolicyStage, Rewards

Teacher = Annotated[
    Annotated[Annotated[str, Field(min_length=1)], Tag("name")] | Annotated[ScoringEndpointOptions, Tag("server")],
    Discriminator(name_or_server),
]
"""A teacher: an earlier stage's name, a folder or hub id, or a server that returns log-probs."""


class DistillStage(OnPolicyStage, PolicyGradientOptions):
    """On-policy distillation: the policy answers, and a teacher's log-prob of each token is what it learns from."""

    runner: ClassVar[str] = "posttrain.stages.distill"
    starter: ClassVar[str] = "posttrain.recipe:starters/distill.yaml"

    kind: Literal["distill"]
    teacher: Teacher = Field(
        description="model with the same tokenizer: an earlier stage's name, a folder, a hub id, or a server {url, "
        "model} that returns log-probs"
    )
    rewards: Rewards = Field(default={}, description="name → reward that is only measured on the completions")
    num_generations: int = Field(default=4, ge=1, description="completions per prompt")

    @property
    def learns_from_rewards(self) -> bool:
        """False: the teacher's log-probs are learnt from, and rewards are only measured."""
        return False

    @property
    def reference_name(self) -> str | None:
        """The teacher, whose log-probs take the place of the reference model's; None if it is on a server."""
        return self.teacher if isinstance(self.teacher, str) else None

    @property
    def reference_server(self) -> ScoringEndpointOptions | None:
        """The server of the teacher."""
        return None if isinstance(self.teacher, str) else self.teacher

    @property
    def others(self) -> tuple[OtherModel, ...]:
        """The teacher, unless it is on a server, and the reward models of the stage."""
        named = () if self.reference_name is None else (OtherModel("teacher", self.reference_name, "causal"),)
        return *named, *super().others

    @property
    def not_inputs(self) -> Mapping[str, Any]:
        """Also the connection to the teacher's server: a run may go on after the server has moved."""
        if self.reference_server is None:
            return super().not_inputs
        return {**super().not_inputs, "teacher": set(ScoringEndpointOptions.model_fields) - {"model"}}

    @model_validator(mode="after")
    def _server_scores_at_temperature_one(self) -> "DistillStage":
        if self.reference_server is not None and self.temperature != 1.0:
            raise ValueError("`teacher`: a server returns log-probs at temperature 1; remove `temperature`")
        return self
