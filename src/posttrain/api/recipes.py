"""A recipe for the API: from a file or from a mapping, with every check of the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from posttrain.api.display import Displayed, Sheet
from posttrain.errors import InputError
from posttrain.options import Options
from posttrain.recipe.inputs import ready_recipe
from posttrain.recipe.load import checked_recipe, read_recipe
from posttrain.recipe.mapping import read_mapping
from posttrain.recipe.problems import RecipeSource, explain
from posttrain.recipe.schema import Recipe, in_order

Checked = TypeVar("Checked", bound=Options)


@dataclass(frozen=True, slots=True, repr=False)
class LoadedRecipe(Displayed):
    """A recipe that passed every check.

    Args:
        recipe: its options.
        base: the folder where its relative paths start.
        file: its file; None where it was given as a mapping.
    """

    recipe: Recipe
    base: Path
    file: Path | None

    @property
    def stages(self) -> list[str]:
        """The names of its stages, in the order in which they run."""
        return in_order(self.recipe)

    def sheet(self) -> Sheet:
        """The recipe as a table."""
        stages = self.recipe.stages
        named = [(name, stages[name]) for name in self.stages]
        rows = [(name, stage.kind_name() or "", stage.start or "", ", ".join(stage.paths)) for name, stage in named]
        return Sheet(f"Recipe for {self.recipe.model}", ("stage", "kind", "from", "data"), rows)


AnyRecipe = Mapping[str, Any] | str | Path | LoadedRecipe
"""A recipe as the API takes it: a mapping, the path of a YAML file, or one that is loaded."""


def recipe(
    recipe: AnyRecipe, *, overrides: Sequence[str] = (), base: str | Path | None = None, inputs: bool = True
) -> LoadedRecipe:
    """Read a recipe and check it: every key, and that its files, models, reward functions and devices are there.

    Args:
        recipe: a mapping with the keys of a recipe, or the path of a YAML file.
        overrides: changes as ``--set`` takes them, such as ``"stages.sft.epochs=1"``.
        base: the folder where relative paths of a mapping start; the working directory if None. Those of a file start
            at its folder.
        inputs: also look for the files, models and functions that it names.

    Raises:
        InputError: with a line for each problem: the key path, of a file also its line.
    """
    if isinstance(recipe, LoadedRecipe):
        if overrides or base is not None:
            raise InputError("this recipe is loaded already; give overrides and base to posttrain.recipe")
        return recipe
    if isinstance(recipe, Mapping):
        written = read_mapping(recipe, Path(base) if base is not None else Path(), overrides)
    elif base is not None:
        raise InputError("base: the paths of a recipe's file start at its folder; leave base out")
    else:
        written = read_recipe(Path(recipe), overrides)
    return LoadedRecipe((ready_recipe if inputs else checked_recipe)(written), written.base, written.path)


def checked_options(options: type[Checked], values: Mapping[str, Any]) -> Checked:
    """Options from a function's arguments, with the checks and the errors of a recipe.

    Raises:
        InputError: with a line for each argument that is wrong.
    """
    try:
        return options.model_validate(values)
    except ValidationError as error:
        written = RecipeSource(None, Path(), options, values, {}, {})
        raise InputError("\n".join(explain(error.errors(include_url=False), written))) from error
