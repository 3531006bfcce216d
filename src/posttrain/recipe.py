"""A recipe: one YAML file of stages that name each other's outputs, checked before anything is loaded."""

from collections.abc import Mapping, Sequence
from functools import partial
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from pydantic import Field, ValidationError

from posttrain.errors import InputError
from posttrain.evaluate.options import SuiteOptions
from posttrain.options import Options
from posttrain.overrides import override
from posttrain.recipe_problems import explain, near
from posttrain.stages.kinds import KINDS, Stage
from posttrain.stages.technique import Other
from posttrain.yaml_lines import KeyPath, read_yaml


class Recipe(Options):
    """What `posttrain run` runs."""

    model: str = Field(min_length=1, description="folder or hub id every stage starts from unless it names another")
    seed: int = Field(default=0, ge=0, description="of splits and orders; the same seed gives the same run")
    suites: Mapping[str, SuiteOptions] = Field(
        default={}, description="behaviour measured before training and after stages"
    )
    stages: Mapping[str, Stage] = Field(min_length=1, description="name → stage")


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe, apply ``key.path=value`` overrides, and check all that can be checked without loading.

    Raises:
        InputError: naming the file's line or the override, and the key path of each problem.
    """
    values, lines = read_yaml(path)
    if not isinstance(values, dict):
        raise InputError(f"{path}:1: a recipe is a mapping with `model` and `stages`; see `posttrain init`")
    overridden = [override(values, text) for text in overrides]
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        told = dict.fromkeys(explain(e, values, lines, overridden, path) for e in error.errors(include_url=False))
        raise InputError("\n".join(told)) from error
    _check_models(recipe, lines, path)
    _check_files(recipe, lines, path)
    return recipe


def in_order(recipe: Recipe) -> list[str]:
    """The stages, audits first, each after those whose models it starts from or uses, otherwise as written."""
    uses = {n: [*s.starts_from, *(other.name for other in s.others)] for n, s in recipe.stages.items()}
    needs = {name: [m for m in models if m in recipe.stages] for name, models in uses.items()}
    needs = {name: [*some, *made_by_stages(recipe, name)] for name, some in needs.items()}
    sorter = TopologicalSorter(needs)
    order = list(sorter.static_order()) if any(needs.values()) else list(recipe.stages)
    return sorted(order, key=lambda name: recipe.stages[name].kind != "audit")  # before anything is trained


def made_by_stages(recipe: Recipe, name: str) -> list[str]:
    """The stages whose data a stage reads: its data paths that are stages' names."""
    return [path for path in dict.fromkeys(recipe.stages[name].paths) if path in recipe.stages]


def origin(recipe: Recipe, model: str | None, base: Path) -> str:
    """The model that a chain of stages began with: its tokenizer and shape are theirs."""
    while model is not None and model in recipe.stages:
        model = recipe.stages[model].model
    model = model or recipe.model
    return str((base / model).resolve()) if (base / model).is_dir() else model


def _at(path: Path, lines: Mapping[KeyPath, int], name: str, key: str = "model") -> str:
    """Where a stage's key stands, for errors."""
    place: KeyPath = ("stages", name, *key.split("."))
    line = lines.get(place, lines.get(tuple(int(k) if str(k).isdigit() else k for k in place)))
    return f"{path}{f':{line}' if line else ''}: stages.{name}.{key}"


def _check_files(recipe: Recipe, lines: Mapping[KeyPath, int], path: Path) -> None:
    for name, stage in recipe.stages.items():
        for key, file in stage.files.items():
            if not (path.parent / file).is_file():
                raise InputError(f"{_at(path, lines, name, key)}: no file {file} beside the recipe")
        for key, reward in stage.reward_specs.items():
            try:
                reward.check(path.parent)
            except InputError as error:
                raise InputError(f"{_at(path, lines, name, key)}: {error}") from error


def _check_models(recipe: Recipe, lines: Mapping[KeyPath, int], path: Path) -> None:
    at = partial(_at, path, lines)
    try:
        in_order(recipe)
    except CycleError as error:
        circle = [str(name) for name in error.args[1]]
        raise InputError(
            f"{at(circle[0])}: the stages {' → '.join(circle)} form a circle; one of them must start from another model"
        ) from error
    for name, stage in recipe.stages.items():
        for other in made_by_stages(recipe, name):
            if KINDS[recipe.stages[other].kind].product is None:
                raise InputError(f"{at(name, 'data')}: the stage {other} leaves a model, and no data")
        own = () if stage.model is None else (Other("model", stage.model, "causal"),)
        for other in (*own, *stage.others):
            if other.name in recipe.stages:
                made = KINDS[recipe.stages[other.name].kind].makes
                if made != other.makes:
                    raise InputError(f"{at(name, other.key)}: {other.name} {_WRONG[made]}")
            elif "/" not in other.name and not (path.parent / other.name).is_dir():
                raise InputError(
                    f"{at(name, other.key)}: {other.name} is neither a stage nor a folder"
                    f"{near(other.name, recipe.stages)}"
                )


_WRONG = {
    "score": "is a reward model, which scores and does not write; start from the model it was made of",
    "causal": "is a model that writes and does not score; name a stage of kind reward, or a folder of such a model",
    "data": "leaves no model; name a stage that trains one, or the model itself",
}
"""What is wrong with a stage that makes this, where something else is needed."""
