"""Plugins: modules that installed packages offer through an entry point."""

from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple

from posttrain.errors import InputError


class Plugin(NamedTuple):
    """A loaded plugin.

    Args:
        source: the package and its entry point, for errors.
        module: the module that the entry point names.
    """

    source: str
    module: Any


def load_plugins(group: str) -> Iterator[Plugin]:
    """The plugins of a group of entry points, in the order of their names.

    Raises:
        InputError: a plugin does not load.
    """
    for entry in sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value)):
        source = _source(entry)
        try:
            yield Plugin(source, entry.load())
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            raise InputError(f"{source} does not load: {problem}; correct or uninstall it") from error


def _source(entry: EntryPoint) -> str:
    package = f"the package {entry.dist.name}" if entry.dist else "a package"
    return f"{package} (entry point {entry.name} = {entry.value})"
