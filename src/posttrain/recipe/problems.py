"""Messages about the errors of a recipe: file, line, key path, and the nearest correct name."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from posttrain.options import Boolean, Options
from posttrain.recipe.aliases import ALIASES, RENAMED
from posttrain.recipe.keys import part_at, places_of
from posttrain.recipe.yaml_lines import KeyPath

SUGGESTED = 3
"""The largest number of valid key paths that a message suggests."""

_BOOLEAN = "; YAML reads yes, no, on, off, true and false as booleans; put quotes around the value if it is text"


@dataclass(frozen=True, slots=True)
class RecipeSource:
    """The unchecked values of a recipe, from a file or mapping and the overrides.

    Args:
        path: the recipe's file; None if the recipe is a mapping.
        base: the folder that relative paths start from.
        options: the option class that checks the values.
        values: the values by key.
        lines: key path → line. If the recipe is a mapping, every line is 1.
        overridden: key path → text of the value in ``--set``.
        origins: key path that `rounds` added → key path of the block that it comes from.
    """

    path: Path | None
    base: Path
    options: type[Options]
    values: Any
    lines: Mapping[KeyPath, int]
    overridden: Mapping[KeyPath, str]
    origins: Mapping[KeyPath, KeyPath] = field(default_factory=dict[KeyPath, KeyPath])

    def where(self, key: KeyPath) -> str:
        """The place of a key, with which a message begins: ``file:line: key.path``, or ``--set key.path``.

        If the recipe is a mapping, the place is the key path alone.
        """
        added = next((key[:n] for n in range(len(key), 0, -1) if key[:n] in self.origins), None)
        if added is not None:
            key = (*self.origins[added], *key[len(added) :])
        shown = ".".join(shown_key(part) for part in key)
        above = any(key[: len(path)] == path for path in self.overridden)
        below = any(path[: len(key)] == key for path in self.overridden)
        if above or (below and key not in self.lines):
            return f"--set {shown}"
        if self.path is None:
            return shown or "the recipe"
        place = key
        while place and place not in self.lines:
            place = place[:-1]
        return f"{self.path}:{self.lines.get(place, 1)}" + (f": {shown}" if shown else "")


def explain(errors: Sequence[Any], written: RecipeSource) -> list[str]:
    """Turn pydantic's errors into sentences, one per key.

    Args:
        errors: ``ValidationError.errors()``.
    """
    by_key: dict[KeyPath, list[Any]] = {}
    for error in errors:
        by_key.setdefault(real_path(error, written.values), []).append(error)
    shown = [
        key
        for key, errors_there in by_key.items()
        if not (errors_there[0]["type"] == "too_short" and _any_below(key, by_key))
    ]
    return [_sentence(key, by_key[key], written) for key in shown]


def _any_below(key: KeyPath, keys: Iterable[KeyPath]) -> bool:
    """Whether a key below `key` has an error. A list without its invalid item can be too short."""
    return any(len(other) > len(key) and other[: len(key)] == key for other in keys)


def real_path(error: Any, values: Any) -> KeyPath:
    """The key path of one of pydantic's errors, without the names of union members that it passes through."""
    path: KeyPath = ()
    holder: Any = values
    for number, part in enumerate(error["loc"], start=1):
        inside = (isinstance(holder, dict) and part in holder) or (
            isinstance(holder, list) and isinstance(part, int) and part < len(holder)
        )
        if inside:
            path, holder = (*path, part), holder[part]
        elif error["type"] == "missing" and number == len(error["loc"]):
            path = (*path, part)
    return (*path, "kind") if error["type"].startswith("union_tag") else path


def _sentence(key: KeyPath, errors: Sequence[Any], written: RecipeSource) -> str:
    value_errors = [error for error in errors if not error["type"].endswith("_type")]  # leaves out other union types
    errors = value_errors or errors
    error, where = errors[0], written.where(key)
    match error["type"]:
        case "extra_forbidden":
            return f"{where}: unknown key{_suggestion(key, written)}"
        case "missing":
            return f"{where}: is missing"
        case "union_tag_not_found" if len(key) == 3 and key[:2] not in written.lines:
            stages = [name for name in written.values["stages"] if ("stages", name) in written.lines]
            return f"{written.where(key[:2])}: the recipe has no such stage{near(str(key[1]), stages)}"
        case "union_tag_not_found":
            kinds = part_at(written.options, key[:-1], written.values).kinds
            return f"{where}: is missing; choose one of {', '.join(kinds)}"
        case "union_tag_invalid":
            kinds = part_at(written.options, key[:-1], written.values).kinds
            given, what = str(error["ctx"]["tag"]), "stage" if len(key) == 3 else "reward"
            return f"{where}: unknown kind of {what} {_shown(given)}{near(given, kinds)} (kinds: {', '.join(kinds)})"
        case _:
            pass
    problem = ", or ".join(dict.fromkeys(_plain(error["msg"]) for error in errors))
    return f"{where}: {problem}{_given(error)}"


_WORDS = (
    (r"^(Input|Value error,|Tuple|String) (?=.)", ""),
    (r"valid dictionary or (object to extract fields from|instance of \w+)", "mapping of keys to values"),
    (r"a valid tuple", "a list"),
    (r"a valid string", "text"),
    (r", unable to (parse string as an? \w+|interpret input)", ""),
    (r" after validation, not \d+$", ""),
)
"""Patterns in pydantic's messages → terms of a recipe."""


def _plain(message: str) -> str:
    for theirs, ours in _WORDS:
        message = re.sub(theirs, ours, message)
    return f"{message[0].lower()}{message[1:]}"


def _given(error: Any) -> str:
    """The value that was given, and a suggestion."""
    value = error["input"]
    if isinstance(value, dict | Options):
        return ""
    if value is None:
        return ", but it is empty"
    if isinstance(value, bool | Boolean):
        return f", not {_shown(value)}{_BOOLEAN}"
    quotes = error["type"] == "string_type" and isinstance(value, int | float)
    return f", not {_shown(value)}{'; put quotes around it' if quotes else ''}"


def _suggestion(key: KeyPath, written: RecipeSource) -> str:
    """A suggestion for an unknown key: its name here, a valid place, the nearest known key, or all known keys."""
    *parent, last = key
    name, at = str(last), tuple(parent)
    known = part_at(written.options, at, written.values).keys
    if (new_name := RENAMED.get(name)) is not None and set(new_name.split(" and ")) <= set(known):
        return f"; the new name is {new_name}"
    alias = ALIASES.get(name.lower(), name)
    if alias in known:
        return f"; did you mean {alias}?"
    places = list(places_of(written.options, alias, written.values))
    if places:
        closest = max(_shared(place, at) for place in places)
        places = [place for place in places if _shared(place, at) == closest]
        return f"; did you mean {' or '.join('.'.join(map(str, place)) for place in places[:SUGGESTED])}?"
    return near(name, known) or f" (known here: {', '.join(known) or 'none'})"


def _shared(left: KeyPath, right: KeyPath) -> int:
    """The length of the common beginning of two key paths."""
    return next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))


def near(name: str, known: Iterable[str]) -> str:
    """A suggestion of the nearest known name; empty if none is near."""
    matches = get_close_matches(name, list(known), n=1)
    return f"; did you mean {matches[0]}?" if matches else ""


def shown_key(part: str | int) -> str:
    """One part of a key path as printable text."""
    text = str(part)
    return text if text.isprintable() and text and len(text) <= 60 else _shown(text)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
