"""A recipe: one YAML file of stages that use each other's outputs. It is checked before any data or model is loaded."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, cast

from pydantic import AfterValidator, Field, ValidationError

from posttrain.data.options import DataSource
from posttrain.errors import InputError
from posttrain.evaluate.suites.registry import Suite
from posttrain.options import Name, Options
from posttrain.recipe.overrides import override
from posttrain.recipe.problems import RecipeSource, explain, near, real_path
from posttrain.recipe.stages.audit import AuditStage
from posttrain.recipe.stages.base import OtherModel
from posttrain.recipe.stages.registry import Stage
from posttrain.recipe.yaml_lines import KeyPath, read_yaml

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


class Recipe(Options):
    """The recipe: the models and stages that `posttrain run` runs."""

    model: str = Field(min_length=1, description="start model of all stages that name none: a folder or hub id")
    seed: int = Field(default=0, ge=0, description="seed of splits and orders; the same seed gives the same run")
    suites: Named[Suite] = Field(
        default={}, description="name → suite; suites are measured before training and after stages"
    )
    stages: Annotated[Named[Stage], Field(min_length=1)] = Field(description="name → stage")


class PathNamed(NamedTuple):
    """A path in a recipe: a model's folder or hub id, a data path, or another file."""

    key: KeyPath
    path: str
    what: Literal["model", "data", "file"]


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe, apply ``key.path=value`` overrides, and check all that can be checked without loading.

    Raises:
        InputError: the recipe is not valid; one line per problem, with ``file:line`` or the override, and the key path.
    """
    return checked_recipe(read_recipe(path, overrides))


def checked_recipe(written: RecipeSource) -> Recipe:
    """Check everything in a recipe that can be checked without loading.

    Raises:
        InputError: the recipe is not valid; one line per problem, with its place and key path.
    """
    recipe = _validated(written)
    _check_paths(recipe, written)
    _check_models(recipe, written)
    _check_suites(recipe, written)
    return recipe


def read_recipe(path: Path, overrides: Sequence[str] = ()) -> RecipeSource:
    """Read the values of a recipe and apply the overrides, without checks.

    Raises:
        InputError: the file is not a YAML mapping, or an override has no valid key.
    """
    values, lines = read_yaml(path)
    if not isinstance(values, dict):
        raise InputError(f"{path}:1: a recipe is a mapping with `model` and `stages`; see `posttrain init`")
    return RecipeSource(path, path.parent, Recipe, values, lines, dict(override(values, text) for text in overrides))


def _validated(written: RecipeSource) -> Recipe:
    try:
        return Recipe.model_validate(written.values)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        if [item for item in errors if _read_as_text(item, written)]:
            return _validated(written)
        raise InputError("\n".join(explain(errors, written))) from error


def _read_as_text(error: Any, written: RecipeSource) -> bool:
    """Replace an override by its text if the key needs text and YAML gave a number, as in ``--set model=7``."""
    key = real_path(error, written.values)
    if error["type"] != "string_type" or key not in written.overridden or isinstance(error["input"], list | dict):
        return False
    holder = written.values
    for step in key[:-1]:
        holder = holder[step]
    holder[key[-1]] = written.overridden[key]
    return True


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


def _check_paths(recipe: Recipe, written: RecipeSource) -> None:
    """Refuse paths that are too long for a file system, before other code opens them."""
    for key, path, _ in paths_named(recipe):
        if len(os.fsencode(path)) >= 4096 or any(len(os.fsencode(part)) > 255 for part in path.split("/")):
            raise InputError(f"{written.where(key)}: {len(path):,} characters are too long for a path; shorten it")


def _check_models(recipe: Recipe, written: RecipeSource) -> None:
    def at(name: str, key: str = "model") -> str:
        return written.where(("stages", name, *key.split(".")))

    try:
        in_order(recipe)
    except CycleError as error:
        circle = [str(name) for name in error.args[1]]
        raise InputError(
            f"{at(circle[0])}: the stages {' → '.join(circle)} form a circle; one of them must start from another model"
        ) from error
    for name, stage in recipe.stages.items():
        for other in made_by_stages(recipe, name):
            if recipe.stages[other].product is None:
                raise InputError(f"{at(name, 'data')}: the stage {other} makes no data; name a file or another stage")
        own = () if stage.start is None else (OtherModel("model", stage.start, "causal"),)
        for other in (*own, *stage.others):
            if other.name in recipe.stages:
                made = recipe.stages[other.name].makes
                if made != other.makes:
                    raise InputError(f"{at(name, other.key)}: {other.name} {_WRONG[made]}")
            elif "/" not in other.name and not (written.base / other.name).is_dir():
                raise InputError(
                    f"{at(name, other.key)}: {other.name} is neither a stage nor a folder"
                    f"{near(other.name, recipe.stages)}"
                )


def _check_suites(recipe: Recipe, written: RecipeSource) -> None:
    """Refuse suites that would never be measured."""
    for name, suite in recipe.suites.items():
        where = written.where(("suites", name, "stages" if suite.stages is not None else "kind"))
        for other in suite.stages or ():
            if other not in recipe.stages:
                raise InputError(f"{where}: there is no stage {other}{near(other, recipe.stages)}")
            made = recipe.stages[other].makes
            if made != suite.task:
                raise InputError(
                    f"{where}: a suite of kind {suite.kind} measures {_MEASURED[suite.task]}; {other} {_MADE[made]}"
                )
        if suite.task == "score" and all(stage.makes != "score" for stage in recipe.stages.values()):
            raise InputError(
                f"{where}: a suite of kind {suite.kind} measures reward models, and no stage trains one; add a stage "
                "of kind reward, or remove the suite"
            )


_MEASURED = {"causal": "models that write", "score": "reward models"}
_MADE = {"causal": "trains a model that writes", "score": "trains a reward model", "data": "makes no model"}

_WRONG = {
    "score": "is a reward model, which cannot generate text; start from the model that it was trained from",
    "causal": "generates text and has no scalar head; name a stage of kind reward, or a reward model's folder",
    "data": "makes no model; name a stage that trains one, or a model",
}
"""Output of a stage → the problem if the key needs another output."""
