"""A recipe: one YAML file of stages that use each other's outputs. It is checked before any data or model is loaded."""

from collections import Counter
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeVar, cast

from pydantic import AfterValidator, Field, model_validator

from posttrain.data.options import DataSource
from posttrain.evaluate.gates.options import Gates
from posttrain.evaluate.suites.registry import Suite
from posttrain.options import Name, Options
from posttrain.recipe.stages.audit import AuditStage
from posttrain.recipe.stages.base import ModelStage
from posttrain.recipe.stages.registry import Stage
from posttrain.recipe.yaml_lines import KeyPath
from posttrain.trackers.options import TrackersOptions

Value = TypeVar("Value")


def _distinct_ignoring_case(values: Mapping[str, Value]) -> Mapping[str, Value]:
    """Refuse names that differ only in case. They become file names, and some file systems ignore case."""
    count = Counter(name.lower() for name in values)
    twins = [name for name in values if count[name.lower()] > 1]
    if twins:
        raise ValueError(f"{' and '.join(twins)} differ only in capital letters; rename one of them")
    return values


Named = Annotated[Mapping[Name, Value], AfterValidator(_distinct_ignoring_case)]
"""Name → value."""


class Rounds(Options):
    """Stages that are repeated: each round starts from the model that the round before trained.

    The stage NAME becomes NAME-1, NAME-2, and so on. A stage of the block that names no model starts from the model of
    its round, and names of the block's stages mean those of the same round. Outside the block, NAME means the stage of
    the last round.
    """

    count: int = Field(ge=2, le=50, description="number of rounds")
    model: str | None = Field(
        default=None, min_length=1, description="start model of the first round: a stage, a folder or a hub id"
    )
    prompts: Literal["same", "disjoint"] = Field(
        default="same", description="same: every round reads all prompts; disjoint: each round reads its own share"
    )
    stages: Annotated[Named[Stage], Field(min_length=1)] = Field(description="name → stage of each round")

    @property
    def from_round(self) -> list[str]:
        """The stages that start from the model of their round."""
        return [name for name, stage in self.stages.items() if isinstance(stage, ModelStage) and not stage.starts_from]

    @model_validator(mode="after")
    def _each_round_goes_on(self) -> "Rounds":
        if not any(stage.makes == "causal" for stage in self.stages.values()):
            raise ValueError("`stages` train no model that the next round could start from; add a stage such as sft")
        if not self.from_round:
            raise ValueError("every stage names its `model`, so all rounds would be equal; remove one `model`")
        return self


class Recipe(Options):
    """The recipe: the models and stages that `posttrain run` runs."""

    model: str = Field(min_length=1, description="start model of all stages that name none: a folder or hub id")
    seed: int = Field(default=0, ge=0, description="seed of splits and orders; the same seed gives the same run")
    suites: Named[Suite] = Field(
        default={}, description="name → suite; suites are measured before training and after stages"
    )
    gates: Gates = Field(default=(), description="claims about the last model that the suite of each gate measures")
    trackers: TrackersOptions = Field(
        default=TrackersOptions(), description="experiment trackers that receive the metrics of training stages"
    )
    stages: Annotated[Named[Stage], Field(min_length=1)] = Field(description="name → stage")
    rounds: Rounds | None = Field(default=None, description="stages that are repeated; they become further `stages`")


class PathNamed(NamedTuple):
    """A path in a recipe: a model's folder or hub id, a data path, or another file."""

    key: KeyPath
    path: str
    what: Literal["model", "data", "file"]


def in_order(recipe: Recipe) -> list[str]:
    """The names of the stages in order: audits first, then each stage after the stages whose outputs it uses."""
    uses = {n: [*s.starts_from, *(other.name for other in s.others)] for n, s in recipe.stages.items()}
    needs = {name: [m for m in models if m in recipe.stages] for name, models in uses.items()}
    needs = {name: [*earlier, *made_by_stages(recipe, name)] for name, earlier in needs.items()}
    sorter = TopologicalSorter(needs)
    order = list(sorter.static_order()) if any(needs.values()) else list(recipe.stages)
    return sorted(order, key=lambda name: not isinstance(recipe.stages[name], AuditStage))  # before anything is trained


def made_by_stages(recipe: Recipe, name: str) -> list[str]:
    """The stages whose data a stage reads: those data paths that are names of stages."""
    return [path for path in dict.fromkeys(recipe.stages[name].paths) if path in recipe.stages]


def origin(recipe: Recipe, model: str | None, base: Path) -> str:
    """The start model of a chain of stages. All models of the chain have its tokenizer and shape."""
    while model is not None and model in recipe.stages:
        model = recipe.stages[model].start
    model = model or recipe.model
    return str((base / model).resolve()) if (base / model).is_dir() else model


def paths_named(recipe: Recipe) -> Iterator[PathNamed]:
    """All models, data paths and files of the recipe, without outputs of its own stages."""
    yield PathNamed(("model",), recipe.model, "model")
    for name, suite in recipe.suites.items():
        yield from (PathNamed(("suites", name, "data"), path, "data") for path in suite.paths)
    for name, stage in recipe.stages.items():
        paths = [PathNamed(("model",), stage.start, "model")] if stage.start is not None else []
        paths += [PathNamed(tuple(other.key.split(".")), other.name, "model") for other in stage.others]
        paths += [PathNamed((_key_of_data(stage, path),), path, "data") for path in stage.paths]
        paths += [PathNamed(tuple(key.split(".")), file, "file") for key, file in stage.files.items()]
        yield from (path._replace(key=("stages", name, *path.key)) for path in paths if path.path not in recipe.stages)


def _key_of_data(stage: Stage, path: str) -> str:
    """The key of a stage that names a data path."""
    for key in ("validation", "against"):
        sources = getattr(stage, key, None)
        if isinstance(sources, tuple) and path in {source.path for source in cast("tuple[DataSource, ...]", sources)}:
            return key
    return "data"
