"""A recipe that is a Python mapping. Its values become those that YAML would give, so that the same checks apply."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from posttrain.errors import InputError
from posttrain.recipe.overrides import override
from posttrain.recipe.problems import RecipeSource, shown_key
from posttrain.recipe.rounds import expand_rounds
from posttrain.recipe.schema import Recipe
from posttrain.recipe.yaml_lines import DEEPEST, MOST_NODES, UNUSABLE, KeyPath


def read_mapping(recipe: Mapping[str, Any], base: Path, overrides: Sequence[str] = ()) -> RecipeSource:
    """Read a recipe from a mapping and apply the overrides and expand `rounds`. The mapping itself does not change.

    Args:
        base: the folder that relative paths start from.

    Raises:
        InputError: a recipe cannot hold a value (the error has its key path), an override has no valid key, or
                `rounds` is not valid.
    """
    places: dict[KeyPath, int] = {}
    values = _plain(recipe, (), places)
    overridden = dict(override(values, text) for text in overrides)
    return expand_rounds(RecipeSource(None, base, Recipe, values, places, overridden))


def _plain(value: Any, at: KeyPath, places: dict[KeyPath, int]) -> Any:
    """The value that YAML would give: mappings and lists of text, numbers, booleans and None. Paths become text.

    Raises:
        InputError: the value has another type, is nested too deeply (it may contain itself), or has invalid characters.
    """
    where = ".".join(map(shown_key, at)) or "the recipe"
    if len(at) > DEEPEST:
        short = ".".join(map(shown_key, at[:6]))
        raise InputError(f"{short}: values are nested more than {DEEPEST} levels deep; use fewer levels")
    if isinstance(value, Mapping):
        return {_key(key, where): _item(item, (*at, key), places) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_item(item, (*at, index), places) for index, item in enumerate(value)]
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, str):
        if re.search(UNUSABLE, value):
            raise InputError(f"{where}: the text contains a NUL or half a character (a lone surrogate); remove it")
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    raise InputError(
        f"{where}: a recipe holds text, numbers, booleans, lists and mappings; replace this {type(value).__name__}"
    )


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise InputError(f"{where}: the key {key!r} is not text; put quotes around it")
    return key


def _item(value: Any, at: KeyPath, places: dict[KeyPath, int]) -> Any:
    places[at] = 1
    if len(places) > MOST_NODES:
        raise InputError(f"the recipe holds more than {MOST_NODES:,} values; write a smaller one")
    return _plain(value, at, places)
