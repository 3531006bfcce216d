"""A configuration of another tool, and the declaration of what each of its keys becomes in a recipe."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from posttrain.errors import InputError

Values = Mapping[str, Any]

Status = Literal["translated", "not needed", "not supported"]


@dataclass(frozen=True, slots=True)
class PeerConfig:
    """A configuration of another tool (a peer).

    Args:
        path: its file.
        kind: the kind of stage that it becomes.
        devices: the number of devices that trained together.
        given: the keys of the file with their values; keys without a value are left out.
        defaults: the peer's defaults for this kind of stage.
        lines: key → line in the file.
        empty: the keys of the file that have no value.
    """

    path: Path
    kind: str
    devices: int
    given: Values
    defaults: Values
    lines: Mapping[str, int] = field(default_factory=dict[str, int])
    empty: frozenset[str] = frozenset()

    def get(self, key: str) -> Any:
        """The value of a key, or the peer's default; None if there is neither."""
        return self.given.get(key, self.defaults.get(key))

    def flag(self, key: str) -> bool:
        """Whether a key is switched on."""
        value = self.get(key)
        return value.strip().lower() in {"true", "yes", "1"} if isinstance(value, str) else bool(value)

    def number(self, key: str) -> float:
        """The number of a key; 0 if it has none.

        Raises:
            InputError: the value is no number.
        """
        value = self.get(key)
        try:
            number = float("nan") if isinstance(value, bool) else float(value or 0)
        except (TypeError, ValueError):
            number = float("nan")
        if not isfinite(number):
            raise InputError(f"{self.where(key)}: must be a number, not {value!r}")
        return number

    def count(self, key: str) -> int:
        """The whole number of a key; 0 if it has none.

        Raises:
            InputError: the value is no whole number.
        """
        number = self.number(key)
        if number != int(number):
            raise InputError(f"{self.where(key)}: must be a whole number, not {self.get(key)!r}")
        return int(number)

    def names(self, key: str) -> list[str]:
        """The texts of a key: a list, or one text with commas between them."""
        value = self.get(key) or []
        items = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
        return [str(item).strip() for item in items]

    def where(self, key: str) -> str:
        """The place of a key, with which a message begins."""
        line = f":{self.lines[key]}" if key in self.lines else ""
        return f"{self.path}{line}: {key}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a key.

    Args:
        value: the value in the recipe; None if the recipe needs none.
        remark: a comment for its line.
        lost: what the recipe does not keep.
    """

    value: Any = None
    remark: str = ""
    lost: str = ""


Convert = Callable[[PeerConfig], Outcome]


@dataclass(frozen=True, slots=True)
class Key:
    """One or several keys of a peer, and what becomes of them.

    Args:
        theirs: the keys; they are read together.
        status: whether the recipe has a counterpart.
        ours: the key of the recipe, such as `lora.rank`; empty without a counterpart.
        meaning: how the value changes, or the reason why there is no counterpart.
        convert: from the configuration to the value.
        kinds: the kinds of stage that have the keys; empty for all.
    """

    theirs: tuple[str, ...]
    status: Status
    ours: str = ""
    meaning: str = ""
    convert: Convert = lambda config: Outcome()
    kinds: frozenset[str] = frozenset()

    def applies(self, kind: str) -> bool:
        """Whether a kind of stage has the keys."""
        return not self.kinds or kind in self.kinds


@dataclass(frozen=True, slots=True)
class Peer:
    """Another tool that trains models.

    Args:
        name: its name on the command line.
        title: its name in sentences.
        version: the version whose keys and defaults are declared.
        page: the page about it.
        marks: keys that tell its configurations from those of others.
        kind_of: from the keys of a configuration to the kind of stage; it raises an `InputError` without the place.
        model: the key that names the model.
        defaults: kind of stage → its defaults; `all` holds those of every kind.
        keys: its keys, in the order of a recipe.
        neutral: keys without a counterpart → the value, besides false and 0, with which they do nothing.
        nested: keys that hold mappings whose keys are declared as `outer.inner`.
    """

    name: str
    title: str
    version: str
    page: str
    marks: frozenset[str]
    kind_of: Callable[[Values], str]
    model: str
    defaults: Mapping[str, Values]
    keys: tuple[Key, ...]
    neutral: Values = field(default_factory=dict[str, Any])
    nested: tuple[str, ...] = ()


def translated(theirs: str, ours: str, convert: Convert | None = None, meaning: str = "", kinds: str = "") -> Key:
    """Declare keys with a counterpart.

    Args:
        theirs: the keys, with spaces between them.
        convert: from the configuration to the value; None if the first key's value stays as it is.
        kinds: the kinds of stage that have the keys, with spaces between them; empty for all.
    """
    keys = tuple(theirs.split())
    return Key(keys, "translated", ours, meaning, convert or same(keys[0]), frozenset(kinds.split()))


def not_needed(theirs: str, reason: str) -> Key:
    """Declare keys, with spaces between them, that a recipe does not need."""
    return Key(tuple(theirs.split()), "not needed", meaning=reason)


def not_supported(theirs: str, reason: str) -> Key:
    """Declare keys, with spaces between them, without a counterpart."""
    return Key(tuple(theirs.split()), "not supported", meaning=reason)


def same(key: str) -> Convert:
    """Keep the value as it is."""
    return lambda config: Outcome(config.get(key))


def as_number(key: str) -> Convert:
    """Keep the value as a number."""
    return lambda config: Outcome(config.number(key) if config.get(key) is not None else None)


def as_count(key: str) -> Convert:
    """Keep the value as a whole number; 0 and less mean that the key is not set."""
    return lambda config: Outcome(config.count(key) if config.number(key) > 0 else None)


def as_flag(key: str) -> Convert:
    """Keep `true`; `false` needs no key."""
    return lambda config: Outcome(True if config.flag(key) else None)
