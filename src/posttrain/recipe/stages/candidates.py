"""Options of the stage that draws candidates for people to rank."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from posttrain.candidates.options import CandidateOptions
from posttrain.endpoint import EndpointOptions
from posttrain.generation.options import SamplingOptions
from posttrain.recipe.stages.base import Makes, ModelStage, OtherModel


def _tag(value: Any) -> str:
    return "name" if isinstance(value, str) else "server"


Named = Annotated[
    Annotated[Annotated[str, Field(min_length=1)], Tag("name")] | Annotated[EndpointOptions, Tag("server")],
    Discriminator(_tag),
]
"""A model: an earlier stage's name, a folder or hub id, or a server."""


class CandidatesStage(ModelStage, SamplingOptions, CandidateOptions):
    """K completions a prompt, from one or several models, for people to rank. It trains nothing."""

    runner: ClassVar[str] = "posttrain.stages.candidates"
    starter: ClassVar[str] = "posttrain.recipe:starters/candidates.yaml"
    makes: ClassVar[Makes] = "data"
    product: ClassVar[str | None] = "candidates.jsonl"

    kind: Literal["candidates"]
    models: tuple[Named, ...] = Field(
        default=(), description="several models instead of one: stages, folders, hub ids, or servers {url, model}"
    )

    @model_validator(mode="after")
    def _each_once(self) -> "CandidatesStage":
        if self.models and self.model is not None:
            raise ValueError("says both `model` and `models`; keep one")
        names = self.starts_from
        if len(set(names)) < len(names):
            raise ValueError("`models` names one twice")
        if len(names) > self.k:
            raise ValueError(f"`models` names {len(names)}, but there are only k = {self.k} candidates a prompt")
        return self

    @property
    def starts_from(self) -> tuple[str, ...]:
        """The models it starts from, as it names them; empty for the recipe's."""
        return tuple(name_of(model) for model in self.models) or super().starts_from

    @property
    def others(self) -> tuple[OtherModel, ...]:
        """Its models, servers aside."""
        named = enumerate(self.models)
        return tuple(OtherModel(f"models.{i}", model, "causal") for i, model in named if isinstance(model, str))


def name_of(model: str | EndpointOptions) -> str:
    """What people call a model; a server's by both."""
    return model if isinstance(model, str) else f"{model.model}@{model.url}"
