"""Read a recipe, and check all that can be checked without loading models and data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from posttrain.errors import InputError
from posttrain.recipe.adapters import check_adapters
from posttrain.recipe.checks import check_gates, check_models, check_paths, check_suites
from posttrain.recipe.overrides import override
from posttrain.recipe.problems import RecipeSource, explain, real_path
from posttrain.recipe.rounds import expand_rounds
from posttrain.recipe.schema import Recipe
from posttrain.recipe.yaml_lines import read_yaml


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
    check_paths(recipe, written)
    check_models(recipe, written)
    check_adapters(recipe, written)
    check_suites(recipe, written)
    check_gates(recipe, written)
    return recipe


def read_recipe(path: Path, overrides: Sequence[str] = ()) -> RecipeSource:
    """Read the values of a recipe, apply the overrides, and expand `rounds`; nothing else is checked.

    Raises:
        InputError: the file is not a YAML mapping, an override has no valid key, or `rounds` is not valid.
    """
    values, lines = read_yaml(path)
    if not isinstance(values, dict):
        raise InputError(f"{path}:1: a recipe is a mapping with `model` and `stages`; see `posttrain init`")
    overridden = dict(override(values, text) for text in overrides)
    return expand_rounds(RecipeSource(path, path.parent, Recipe, values, lines, overridden))


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
