"""Every kind of stage that a recipe can name: the kinds of this package and of installed packages.

Each module of this package holds the options of a kind: a subclass of `StageOptions` with a field ``kind``. To add a
kind, add such a module, its runner and its starting recipe; no other code needs a change. Other packages add kinds in
the same way: an entry point of the group ``posttrain.stages`` names their module.
"""

from collections.abc import Iterator, Mapping
from functools import reduce
from importlib import import_module
from operator import or_
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from posttrain.errors import InputError
from posttrain.plugins import Plugin, load_plugins
from posttrain.recipe import stages as package
from posttrain.recipe.stages.base import StageOptions

GROUP = "posttrain.stages"
"""The group of entry points."""


def _modules() -> Iterator[Plugin]:
    names = [f"{package.__name__}.{module.name}" for module in iter_modules(package.__path__)]
    yield from (Plugin(name, import_module(name)) for name in names if name != __name__)
    yield from load_plugins(GROUP)


def _kinds_in(module: Any) -> Iterator[tuple[str, type[StageOptions]]]:
    for value in vars(module).values():
        own = isinstance(value, type) and issubclass(value, StageOptions) and value.__module__ == module.__name__
        if own and (kind := value.kind_name()) is not None:
            yield kind, value


def _by_kind() -> dict[str, type[StageOptions]]:
    kinds: dict[str, type[StageOptions]] = {}
    sources: dict[str, str] = {}
    for source, module in _modules():
        for kind, options in _kinds_in(module):
            if kind in kinds:
                raise InputError(f"{source}: {sources[kind]} already has a kind of stage `{kind}`; rename it")
            kinds[kind], sources[kind] = options, source
    return kinds


STAGES: Mapping[str, type[StageOptions]] = _by_kind()
"""Kind → its options."""

if TYPE_CHECKING:
    Stage = StageOptions
else:
    Stage = Annotated[reduce(or_, STAGES.values()), Field(discriminator="kind")]
"""The options of any kind of stage; `kind` decides which."""
