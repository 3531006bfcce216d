"""The keys of each part of a recipe, derived from the types of the options."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from posttrain.options import Options
from posttrain.recipe.yaml_lines import KeyPath


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a recipe.

    Args:
        options: the option classes of the part; several if `kind` selects one of them and is not set.
        named: whether the keys are names that users choose, such as the names of stages.
    """

    options: tuple[type[Options], ...]
    named: bool = False

    @property
    def keys(self) -> list[str]:
        """The keys of the part; empty if users choose them."""
        keys = dict.fromkeys(key for options in self.options for key in options.model_fields)
        return [] if self.named else list(keys)

    @property
    def kinds(self) -> list[str]:
        """The possible values of `kind`."""
        return [kind for options in self.options for kind in _kinds_of(options)]


def part_at(root: type[Options], key: KeyPath, values: Any) -> Part:
    """The part of a recipe at a key path.

    Args:
        root: the options of the whole recipe.
        values: the values of the whole recipe.
    """
    part, holder = Part((root,)), values
    for step in key:
        holder = _inside(holder, step)
        part = Part(part.options) if part.named or isinstance(step, int) else part_below(part, step)
        if not part.named and isinstance(holder, dict):
            part = Part(tuple(o for o in part.options if holder.get("kind") in _kinds_of(o)) or part.options)
    return part


def part_below(part: Part, key: str) -> Part:
    """The part at a key of another part."""
    types = [options.model_fields[key].annotation for options in part.options if key in options.model_fields]
    below = dict.fromkeys(option for annotation in types for option in _options_in(annotation))
    return Part(tuple(below), named=any(_is_mapping(annotation) for annotation in types))


def places_of(root: type[Options], name: str, values: Any, at: KeyPath = ()) -> Iterator[KeyPath]:
    """The key paths at or below `at` where a key of this name is valid."""
    holder, part = values, part_at(root, at, values)
    for step in at:
        holder = _inside(holder, step)
    if not part.named and name in part.keys:
        yield (*at, name)
    if isinstance(holder, list):
        below: list[str | int] = list(range(len(holder)))
    else:
        below = list(dict.fromkeys([*(holder if isinstance(holder, dict) else ()), *part.keys]))
    for step in below:
        inner = _inside(holder, step)
        absent = isinstance(step, str) and not part.named and not isinstance(inner, dict | list)
        if absent and not (below_it := part_below(part, str(step))).named and name in below_it.keys:
            yield (*at, step, name)
        elif not absent:
            yield from places_of(root, name, values, (*at, step))


def _inside(holder: Any, step: str | int) -> Any:
    if isinstance(holder, dict):
        return holder.get(step)
    return holder[step] if isinstance(holder, list) and isinstance(step, int) and step < len(holder) else None


def _kinds_of(options: type[Options]) -> tuple[Any, ...]:
    return get_args(options.model_fields["kind"].annotation) if "kind" in options.model_fields else ()


def _options_in(annotation: Any) -> list[type[Options]]:
    """The option classes in an annotation, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, Options):
        return [annotation]
    return [option for inner in get_args(annotation) for option in _options_in(inner)]


def _is_mapping(annotation: Any) -> bool:
    return get_origin(annotation) is Mapping or any(_is_mapping(inner) for inner in get_args(annotation))
