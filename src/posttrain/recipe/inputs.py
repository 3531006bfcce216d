"""Checks that a recipe's inputs exist: data, models, files and functions of rewards, devices. It loads nothing."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from posttrain.data.files.hub import SCHEME
from posttrain.data.files.read import source_files
from posttrain.data.options import BUILT_IN
from posttrain.errors import InputError
from posttrain.policy.hub_names import cached_models, is_offline, near_folder, not_cached
from posttrain.recipe.load import checked_recipe, read_recipe
from posttrain.recipe.problems import RecipeSource
from posttrain.recipe.schema import PathNamed, Recipe, paths_named
from posttrain.recipe.yaml_lines import KeyPath
from posttrain.trackers.registry import check_installed


class Checked(NamedTuple):
    """A recipe whose local inputs exist.

    Args:
        unchecked: a line for each model and data set on the hub; the check does not ask the hub for them.
    """

    recipe: Recipe
    unchecked: list[str]


def load_ready(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and check that all its inputs exist; see `load_recipe`. No request goes to the hub.

    Raises:
        InputError: inputs are missing or cannot be used, such as a hub model while offline; one line for each.
    """
    return ready_recipe(read_recipe(path, overrides))


def ready_recipe(written: RecipeSource) -> Recipe:
    """Check that all inputs of a recipe exist; see `load_ready`.

    Raises:
        InputError: see `load_ready`.
    """
    recipe, base = checked_recipe(written), written.base
    offline = [(key, problem) for key, problem in _uncached(recipe, base)] if is_offline() else []
    _refuse([f"{written.where(key)}: {problem}" for key, problem in (*_problems(recipe, base), *offline)])
    return recipe


def check_recipe(path: Path, overrides: Sequence[str] = ()) -> Checked:
    """Read a recipe, check that its local inputs exist, and list the inputs on the hub that were not checked.

    Raises:
        InputError: local inputs are missing or cannot be used; one line for each.
    """
    written = read_recipe(path, overrides)
    recipe = checked_recipe(written)
    _refuse([f"{written.where(key)}: {problem}" for key, problem in _problems(recipe, path.parent)])
    hub = [*_uncached(recipe, path.parent), *_hub_data(recipe)]
    return Checked(recipe, list(dict.fromkeys(f"{written.where(key)}: {sentence}" for key, sentence in hub)))


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        raise InputError("\n".join(dict.fromkeys(problems)))


def _problems(recipe: Recipe, base: Path) -> Iterator[tuple[KeyPath, str]]:
    missing: set[str] = set()
    for named in paths_named(recipe):
        if (problem := _path_problem(named, base)) is not None:
            missing.add(named.path)
            yield named.key, problem
    for name, _ in recipe.trackers.chosen():
        try:
            check_installed(name)
        except InputError as error:
            yield ("trackers", name), str(error)
    for name, stage in recipe.stages.items():
        for key, reward in stage.reward_specs.items():
            try:
                if getattr(reward, "file", None) not in missing:
                    reward.check(base)
            except InputError as error:
                yield ("stages", name, *key.split(".")), str(error)
        if (problem := _device_problem(stage)) is not None:
            yield ("stages", name), problem


def _path_problem(named: PathNamed, base: Path) -> str | None:
    match named.what:
        case "model":
            return _model_problem(named.path, base)
        case "data":
            try:
                if not named.path.startswith(SCHEME):
                    source_files(named.path, base=base)
            except InputError as error:
                return str(error)
        case "file":
            if not (base / named.path).is_file():
                hint = f"; without a file there are {', '.join(BUILT_IN)}" if named.key[-1] == "template" else ""
                return f"{named.path}: the recipe's folder has no such file{hint}"
    return None


def _model_problem(name: str, base: Path) -> str | None:
    folder = base / name
    if folder.is_dir():
        there = any((folder / file).is_file() for file in ("config.json", "adapter_config.json"))
        return None if there else f"{name}: no config.json, so this is not a Hugging Face model folder"
    if folder.exists():
        return f"{name}: a model is a folder (config.json, model.safetensors, tokenizer.json), but this is a file"
    meant = near_folder(name, base)
    hint = f"; did you mean {meant}?" if meant else ""
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        return f"{name}: no such model folder{hint}"
    if meant and name not in cached_models():
        return f"{name}: no such folder, and no hub model in the cache{hint}"
    return None


def _uncached(recipe: Recipe, base: Path) -> Iterator[tuple[KeyPath, str]]:
    """The hub models that are not in the cache. `_problems` reports names that no hub model can have."""
    for named in paths_named(recipe):
        name = named.path
        on_hub = named.what == "model" and not (base / name).exists() and _model_problem(name, base) is None
        if on_hub and name not in cached_models():
            yield named.key, f"{name}: {not_cached(name)}"


def _hub_data(recipe: Recipe) -> Iterator[tuple[KeyPath, str]]:
    for named in paths_named(recipe):
        if named.what == "data" and named.path.startswith(SCHEME):
            yield named.key, f"{named.path}: this data set is on the hub"


def _device_problem(stage: Any) -> str | None:
    """The problem with a device that the recipe names. This check imports torch, so `auto` and `cpu` skip it."""
    if getattr(stage, "device", "auto") in {"auto", "cpu"}:
        return None
    from posttrain.policy.device import place

    try:
        place(stage)
    except InputError as error:
        return str(error)
    return None
