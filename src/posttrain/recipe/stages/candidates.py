"""Options of the stage that generates candidates for people to rank."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from posttrain.candidates.options import CandidateOptions
from posttrain.endpoint import EndpointOptions
from posttrain.generation.options import SamplingOptions
from posttrain.recipe.stages.base import Makes, ModelStage, OtherModel


def name_or_server(value: Any) -> str:
    """The tag of a model in a recipe: ``name`` for a text, ``server`` for the options of a server."""
    return "name" if isinstance(value, str) else "server"


Named = Annotated[
    Annotated[Annotated[str, Field(min_length=1)], Tag("name")] | Annotated[EndpointOptions, Tag("server")],
    Discriminator(name_or_server),
]
"""A model: an earlier stage's name, a folder or hub id, or a server."""


class CandidatesStage(ModelStage, SamplingOptions, CandidateOptions):
    """Generate k completions per prompt, from one or several models, for people to rank. The stage trains nothing."""

    runner: ClassVar[str] = "posttrain.stages.candidates"
    starter: ClassVar[str] = "posttrain.recipe:starters/candidates.yaml"
    makes: ClassVar[Makes] = "data"
    product: ClassVar[str | None] = "candidates.jsonl"

    kind: Literal["candidates"]
    models: tuple[Named, ...] = Field(
        default=(), description="several models instead of `model`: stages, folders, hub ids, or servers {url, model}"
    )

    @model_validator(mode="after")
    def _each_once(self) -> "CandidatesStage":
        if self.models and self.model is not None:
            raise ValueError("`model` and `models` are both set; keep one of them")
        names = self.starts_from
        if len(set(names)) < len(names):
            raise ValueError("`models` contains a model twice; remove one of the two")
        if len(names) > self.k:
            raise ValueError(f"`models` names {len(names)}, but a prompt gets only k = {self.k} candidates; raise k")
        return self

    @property
    def starts_from(self) -> tuple[str, ...]:
        """The models that generate, as the stage names them; empty for the recipe's `model`."""
        return tuple(name_of(model) for model in self.models) or super().starts_from

    @property
    def others(self) -> tuple[OtherModel, ...]:
        """The models of the stage that are not on servers."""
        named = enumerate(self.models)
        return tuple(OtherModel(f"models.{i}", model, "causal") for i, model in named if isinstance(model, str))


def name_of(model: str | EndpointOptions) -> str:
    """The display name of a model; for a model on a server, ``model@url``."""
    return model if isinstance(model, str) else f"{model.model}@{model.url}"
