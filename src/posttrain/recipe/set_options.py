"""Options from the command line: a command's own options, and ``--set key=value``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from posttrain.errors import InputError
from posttrain.options import Options
from posttrain.recipe.overrides import override
from posttrain.recipe.problems import RecipeSource, explain

OptionsT = TypeVar("OptionsT", bound=Options)


def options_from_sets(model: type[OptionsT], sets: Sequence[str], given: Mapping[str, Any] | None = None) -> OptionsT:
    """Build the options of one part of a recipe, without a recipe.

    Args:
        sets: texts ``key.path=value``.
        given: key → value from the command's own options.

    Raises:
        InputError: an unknown key, with the nearest known key, or an invalid value; one line for each.
    """
    values = dict(given or {})
    overridden = {(key,): str(value) for key, value in values.items()}
    overridden |= dict(override(values, text) for text in sets)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        source = RecipeSource(None, Path(), model, values, {}, overridden)
        raise InputError("\n".join(explain(error.errors(include_url=False), source))) from error
