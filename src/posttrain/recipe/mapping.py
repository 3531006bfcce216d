"""A recipe given as a Python mapping: its values as YAML would give them, so that every check applies alike."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from posttrain.errors import InputError
from posttrain.recipe.overrides import override
from posttrain.recipe.problems import RecipeSource, shown_key
from posttrain.recipe.schema import Recipe
from posttrain.recipe.yaml_lines import DEEPEST, MOST_NODES, UNUSABLE, KeyPath


def read_mapping(recipe: Mapping[str, Any], base: Path, overrides: Sequence[str] = ()) -> RecipeSource:
    """A recipe as a mapping has it, overrides included. The mapping itself does not change.

    Args:
        base: the folder where relative paths start.

    Raises:
        InputError: with the key path of a value that no recipe can hold; or an override fits nowhere.
    """
    places: dict[KeyPath, int] = {}
    values = _plain(recipe, (), places)
    return RecipeSource(None, base, Recipe, values, places, dict(override(values, text) for text in overrides))


def _plain(value: Any, at: KeyPath, places: dict[KeyPath, int]) -> Any:
    """A value as YAML gives it: mappings and lists of text, numbers, booleans and None. Paths become text.

    Raises:
        InputError: it is of another type, nested too deep (it may hold itself), or text that no file can hold.
    """
    where = ".".join(map(shown_key, at)) or "the recipe"
    if len(at) > DEEPEST:
        short = ".".join(map(shown_key, at[:6]))
        raise InputError(f"{short}: values are nested more than {DEEPEST} deep; a recipe needs a few levels")
    if isinstance(value, Mapping):
        return {_key(key, where): _item(item, (*at, key), places) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_item(item, (*at, index), places) for index, item in enumerate(value)]
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, str):
        if re.search(UNUSABLE, value):
            raise InputError(f"{where}: a NUL or half a character (a lone surrogate) is in a text; take it out")
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    raise InputError(
        f"{where}: a recipe holds text, numbers, booleans, lists and mappings, and this is a {type(value).__name__}"
    )


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise InputError(f"{where}: the key {key!r} is no text; put quotes around it")
    return key


def _item(value: Any, at: KeyPath, places: dict[KeyPath, int]) -> Any:
    places[at] = 1
    if len(places) > MOST_NODES:
        raise InputError(f"the recipe holds more than {MOST_NODES:,} values; write a smaller one")
    return _plain(value, at, places)
