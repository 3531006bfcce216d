"""Every kind of stage that a recipe can name: those of this package, and those of installed plugins.

A plugin is a package with an entry point in the group ``posttrain.stages`` that names a module. The module holds a
subclass of `StageOptions` with a field ``kind``, as the modules of this package do.
"""

from collections.abc import Iterator, Mapping
from functools import reduce
from importlib import import_module
from importlib.metadata import entry_points
from operator import or_
from pkgutil import iter_modules
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from posttrain.recipe import stages as package
from posttrain.recipe.stages.base import StageOptions

PLUGINS = "posttrain.stages"
"""The entry-point group of plugins."""


def _modules() -> Iterator[ModuleType]:
    for module in iter_modules(package.__path__):
        if module.name != "registry":
            yield import_module(f"{package.__name__}.{module.name}")
    for entry_point in entry_points(group=PLUGINS):
        yield import_module(entry_point.value)


def _classes() -> Iterator[type[StageOptions]]:
    for module in _modules():
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, StageOptions) and value.__module__ == module.__name__:
                yield value


STAGES: Mapping[str, type[StageOptions]] = MappingProxyType(
    {kind: options for options in _classes() if (kind := options.kind_name()) is not None}
)
"""Kind → its options."""

if TYPE_CHECKING:
    Stage = StageOptions
else:
    Stage = Annotated[reduce(or_, STAGES.values()), Field(discriminator="kind")]
