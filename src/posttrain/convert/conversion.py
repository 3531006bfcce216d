"""The conversion: it reads a configuration, applies the table of its tool, and checks the recipe that results."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from posttrain.convert.keys import Key, Peer, PeerConfig, Values
from posttrain.convert.peers import named_peer, peer_of
from posttrain.errors import InputError
from posttrain.recipe.load import checked_recipe
from posttrain.recipe.mapping import read_mapping
from posttrain.recipe.stages.registry import STAGES
from posttrain.recipe.yaml_lines import read_yaml

KINDS = ("sft", "dpo", "kto", "grpo", "reward", "ppo")
"""The kinds of stage that other tools have."""

OF_RECIPE = ("model", "seed", "trackers")
"""The keys that belong to the recipe; all others belong to its stage."""

_HIDDEN = "..."


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence about keys of the configuration.

    Args:
        keys: their names with their values.
        text: why the recipe has no counterpart, or what it does not keep.
    """

    keys: str
    text: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """A converted configuration.

    Args:
        recipe: the values of the recipe.
        remarks: key of the recipe → comment.
        lost: what the recipe does not keep.
        unknown: keys that the table does not have.
        without_effect: keys that need no counterpart, given the other keys.
        not_needed: keys without a counterpart that change nothing.
    """

    peer: Peer
    config: PeerConfig
    recipe: Mapping[str, Any]
    remarks: Mapping[str, str]
    lost: tuple[Note, ...]
    unknown: tuple[Note, ...]
    without_effect: tuple[Note, ...]
    not_needed: tuple[Note, ...]

    @property
    def stage(self) -> Mapping[str, Any]:
        """The keys of the stage."""
        return self.recipe["stages"][self.config.kind]


def convert_file(path: Path, peer: str | None, kind: str | None, devices: int) -> Conversion:
    """Convert a configuration.

    Args:
        peer: the name of the tool; None to guess it from the keys.
        kind: the kind of stage, if the configuration does not show it.
        devices: the number of devices that trained together.

    Raises:
        InputError: the file cannot be read, the keys do not show the tool or the technique, a value is wrong, or the
            keys give no valid recipe.
    """
    values, lines = _read(path)
    tool = peer_of(values, path) if peer is None else named_peer(peer)
    config = _config(values, lines, tool, path, kind, devices)
    conversion = _converted(tool, config)
    try:
        checked_recipe(read_mapping(conversion.recipe, Path()))
    except InputError as error:
        raise InputError(f"{path}: its keys do not give a valid recipe:\n{error}") from error
    return conversion


def _read(path: Path) -> tuple[dict[str, Any], Mapping[str, int]]:
    """The keys of a YAML or JSON file, and their lines."""
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; name a configuration of TRL, LLaMA-Factory or Axolotl")
    lines: Mapping[str, int] = {}
    if path.suffix == ".json":
        try:
            values: Any = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(f"{path}: not valid JSON ({error}); correct it") from error
    else:
        values, places = read_yaml(path)
        lines = {".".join(map(str, place)): line for place, line in places.items()}
    if not isinstance(values, dict):
        raise InputError(f"{path}: a configuration is a mapping from keys to values, this is {type(values).__name__}")
    return values, lines


def _config(
    values: Values, lines: Mapping[str, int], peer: Peer, path: Path, kind: str | None, devices: int
) -> PeerConfig:
    flat = dict(_flat(values, peer.nested))
    given = {key: value for key, value in flat.items() if value is not None}
    if peer.model not in given:
        raise InputError(f"{path}: there is no {peer.model}; add it to the file")
    own = _kind(given, peer, path, kind)
    defaults = {**peer.defaults["all"], **peer.defaults.get(own, {})}
    return PeerConfig(path, own, devices, given, defaults, lines, frozenset(flat.keys() - given.keys()))


def _kind(given: Values, peer: Peer, path: Path, named: str | None) -> str:
    """The kind of stage: the one that the keys show, or the named one if they show none."""
    if named is not None and named not in KINDS:
        raise InputError(f"--kind: {named} is none of {', '.join(KINDS)}")
    try:
        shown = peer.kind_of(given)
    except InputError as error:
        if named is None:
            raise InputError(f"{path}: {error}") from error
        return named
    if named not in (None, shown):
        raise InputError(f"--kind {named}: the keys of {path} show {shown}; leave out --kind")
    return shown


def _flat(values: Values, nested: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """The keys, with those of the nested mappings as `outer.inner`."""
    for key, value in values.items():
        if key in nested and isinstance(value, dict):
            yield from ((f"{key}.{inner}", item) for inner, item in value.items())
        else:
            yield key, value


def _converted(peer: Peer, config: PeerConfig) -> Conversion:
    stage: dict[str, Any] = {"kind": config.kind}
    recipe: dict[str, Any] = {}
    remarks: dict[str, str] = {}
    lost: list[Note] = []
    without: list[Note] = []
    read: set[str] = set()
    used: set[str] = set()
    for key in peer.keys:
        present = [name for name in key.theirs if name in config.given]
        if not key.applies(config.kind) or not (present or any(name in config.defaults for name in key.theirs)):
            continue
        read |= set(present)
        if key.status == "translated":
            outcome = key.convert(config)
            keep = outcome.value is not None and (present or not _is_our_default(config.kind, key.ours, outcome.value))
            if keep and key.ours:
                _put(recipe if key.ours in OF_RECIPE else stage, key.ours, outcome.value)
                own = "" if present or "." in key.ours else f"{peer.title}'s default"
                _remark(remarks, key, outcome.remark or own)
            if outcome.lost:
                lost.append(Note(_shown(config, key, present, peer.title), outcome.lost))
            used |= set(present) if keep or outcome.lost else set()
        elif present:
            used |= set(present)
            on = [name for name in present if key.status == "not supported" and not _is_off(config, peer, name)]
            lost += [Note(_shown(config, key, on, peer.title), key.meaning)] if on else []
            off = [name for name in present if name not in on]
            reason = key.meaning if key.status == "not needed" else "switched off"
            without += [Note(_shown(config, key, off, peer.title), reason)] if off else []
    if "data" not in stage:
        raise InputError(f"{config.path}: there is no data set; add the key that names it")
    known = {name for key in peer.keys for name in key.theirs}
    unknown = tuple(Note(_value(config, name), "") for name in config.given if name not in known)
    unused = tuple(_unused(config, known, read, used))
    whole = {**recipe, "stages": {config.kind: stage}}
    return Conversion(peer, config, whole, remarks, tuple(lost), unknown, unused, tuple(without))


def _is_off(config: PeerConfig, peer: Peer, name: str) -> bool:
    """Whether a key has a value with which it does nothing."""
    value = config.given[name]
    return value in (False, 0, "", []) or (name in peer.neutral and value == peer.neutral[name])


def _unused(config: PeerConfig, known: set[str], read: set[str], used: set[str]) -> Iterator[Note]:
    """The known keys that this configuration does not use."""
    for name in config.given:
        if name in read and name not in used:
            yield Note(_value(config, name), "")
        elif name in known and name not in read:
            yield Note(_value(config, name), f"has no effect in {config.kind}")


def _put(holder: dict[str, Any], path: str, value: Any) -> None:
    outer, _, inner = path.partition(".")
    if inner:
        holder.setdefault(outer, {})[inner] = value
    else:
        holder[outer] = value


def _remark(remarks: dict[str, str], key: Key, remark: str) -> None:
    """Keep a comment; those of a nested key are joined on the line of the outer one."""
    if not remark:
        return
    outer, _, inner = key.ours.partition(".")
    text = f"{inner}: {remark}" if inner else remark
    remarks[outer] = f"{remarks[outer]}; {text}" if outer in remarks else text


def _is_our_default(kind: str, path: str, value: Any) -> bool:
    """Whether a recipe without the key would mean the same."""
    outer, _, inner = path.partition(".")
    field = STAGES[kind].model_fields.get(outer)
    default = None if field is None else field.get_default(call_default_factory=True)
    if inner:
        from_options = _nested_options(kind, outer)
        default = getattr(from_options(), inner, None) if from_options is not None else None
    return (list(default) if isinstance(default, tuple) else default) == value


def _nested_options(kind: str, key: str) -> type[BaseModel] | None:
    """The options of a nested key, such as `lora`."""
    annotation = STAGES[kind].model_fields[key].annotation if key in STAGES[kind].model_fields else None
    inside = getattr(annotation, "__args__", (annotation,))
    return next((item for item in inside if isinstance(item, type) and issubclass(item, BaseModel)), None)


def _shown(config: PeerConfig, key: Key, names: list[str], title: str) -> str:
    """Keys with their values; without a key, the default that the tool takes."""
    if names:
        return ", ".join(_value(config, name) for name in names)
    name = key.theirs[0]
    return f"{_value(config, name)} ({title}'s default)" if name in config.defaults else name


_SECRET = re.compile(r"(token|key|passw(or)?d|secret|credentials?|auth)$", re.IGNORECASE)
_NO_SECRET = re.compile(r"(eos|pad|bos|unk|image|mask)_token$")


def _value(config: PeerConfig, name: str) -> str:
    """A key with its value in short; secrets are not shown."""
    text = json.dumps(_masked(name, config.get(name)), ensure_ascii=False, default=str)
    return f"{name}: {text if len(text) <= 60 else text[:57] + '...'}"


def _masked(name: str, value: Any) -> Any:
    """A value without its secrets: they have names such as `token`, and any variable of `env` may be one."""
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        try:
            value = json.loads(value)
        except ValueError:
            return _HIDDEN
    if name == "env":
        return dict.fromkeys(map(str, value), _HIDDEN) if isinstance(value, dict) else _HIDDEN
    if isinstance(value, dict):
        return {str(inner): _masked(str(inner), item) for inner, item in value.items()}
    if isinstance(value, list):
        return [_masked(name, item) for item in value]
    return _HIDDEN if _SECRET.search(name) and not _NO_SECRET.search(name) else value
