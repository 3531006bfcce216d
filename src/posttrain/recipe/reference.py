"""The Markdown page of all recipe keys, generated from the option classes."""

from collections.abc import Iterator
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from posttrain.errors import InputError
from posttrain.options import Options
from posttrain.recipe.keys import Part, part_below
from posttrain.recipe.schema import Recipe

HEAD = """\
# The keys of a recipe

`posttrain keys` prints this page. Relative paths start at the recipe's folder. A recipe is YAML. Numbers follow
YAML 1.2 (`1e-4` is a number). `yes`, `no`, `on` and `off` are booleans; put quotes around them if you mean text. A key
may appear only once. The names of stages, suites and rewards have at most 64 characters: letters, digits, `_` and `-`,
and `.` except at the ends.

`--set stages.sft.epochs=1` changes a key for one run. A number in the path is the index of a list item, from 0
(`stages.sft.data.0.path`). `posttrain validate` checks that all files, models and data sets of the recipe exist, and
lists the missing ones. It sends no request to the hub; it lists models and data sets on the hub as not checked.
"""

_TYPES = {int: "whole number", float: "number", str: "text", bool: "true or false"}
_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def reference() -> str:
    """The text of the page."""
    sections = [_section(options) for options in _all_options()]
    return "\n".join([HEAD, *sections])


def kind_reference(kind: str) -> str:
    """The keys of one kind of stage, suite or reward, and those that it shares with others.

    Raises:
        InputError: there is no such kind.
    """
    every = _all_options()
    found = [options for options in every if kind in _kinds_named(options)]
    if not found:
        known = sorted({name for options in every for name in _kinds_named(options)})
        close = get_close_matches(kind, known, n=3)
        meant = f"; did you mean {' or '.join(close)}?" if close else f"; the kinds are {', '.join(known)}"
        raise InputError(f"keys: there is no kind {kind}{meant}")
    parts = dict.fromkeys(part for options in found for part in (options, *_shared(options)))
    return "\n".join(_section(options) for options in parts)


def _kinds_named(options: type[Options]) -> tuple[str, ...]:
    return get_args(options.model_fields["kind"].annotation) if "kind" in options.model_fields else ()


def _all_options() -> list[type[Options]]:
    """The option classes of a recipe, from the top down, each followed by its base classes."""
    ordered: dict[type[Options], None] = {}
    waiting: list[type[Options]] = [Recipe]
    while waiting:
        options = waiting.pop(0)
        for section in [options, *_shared(options)]:
            ordered[section] = None
        new = [inner for key in options.model_fields for inner in part_below(Part((options,)), key).options]
        waiting += [inner for inner in dict.fromkeys(new) if inner not in ordered and inner not in waiting]
    return list(ordered)


def _shared(options: type[Options]) -> list[type[Options]]:
    """The base classes that have keys of their own."""
    bases = [base for base in options.__mro__[1:] if issubclass(base, Options) and base is not Options]
    return [base for base in bases if _own(base)]


def _own(options: type[Options]) -> list[str]:
    return [key for key in options.__annotations__ if key in options.model_fields and key != "kind"]


def _title(options: type[Options]) -> str:
    if kinds := _kinds_named(options):
        what = next((word for word in ("Stage", "Suite") if options.__name__.endswith(word)), "Reward")
        return f"{what} `{kinds[0]}`"
    return options.__name__.removesuffix("Options")


def _section(options: type[Options]) -> str:
    lines = [f"## {_title(options)}\n", " ".join((options.__doc__ or "").split("\n\n")[0].split())]
    if shared := _shared(options):
        lines.append(f"\nIt also has the keys of {', '.join(_link(base) for base in shared)}.")
    if own := _own(options):
        lines += ["\n| key | value | default | meaning |", "|---|---|---|---|"]
        lines += [_row(options, key) for key in own]
    return "\n".join(lines) + "\n"


def _row(options: type[Options], key: str) -> str:
    field = options.model_fields[key]
    cells = (f"`{key}`", _values(field, part_below(Part((options,)), key)), _default(field), field.description or "")
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"


def _link(options: type[Options]) -> str:
    title = _title(options)
    anchor = title.lower().replace("`", "").replace(" ", "-")
    return f"[{title.removeprefix('Stage ').removeprefix('Suite ').removeprefix('Reward ')}](#{anchor})"


def _values(field: FieldInfo, part: Part) -> str:
    bounds = [
        f"{words} {getattr(limit, name):g}"
        for limit in field.metadata
        for name, words in _BOUNDS.items()
        if isinstance(getattr(limit, name, None), int | float)
    ]
    links = [_link(options) for options in part.options]
    if links:
        simple = [kind for kind in _kinds(field.annotation) if kind not in {"list", "mapping"}]
        return f"{'name → ' if part.named else ''}{' or '.join([*links, *simple])}"
    kinds = list(dict.fromkeys(_kinds(field.annotation)))
    return " or ".join(kinds) + (f", {', '.join(bounds)}" if bounds else "")


def _kinds(annotation: Any) -> Iterator[str]:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        yield from (f"`{value}`" for value in inner)
    elif origin is Annotated:
        yield from _kinds(inner[0])
    elif origin is tuple:
        yield "list"
    elif annotation in _TYPES:
        yield _TYPES[annotation]
    elif origin in (Union, UnionType):
        yield from (kind for member in inner for kind in _kinds(member))
    elif annotation is not NoneType:
        yield "mapping"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is None or value is PydanticUndefined or isinstance(value, Options) or value in ((), {}):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else list(value) if isinstance(value, tuple) else value}`"
