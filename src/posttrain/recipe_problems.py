"""What is wrong with a recipe, said for people: file, line, key path, and the nearest thing that would be right."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from posttrain.annotate.settings import Settings
from posttrain.data.options import DataSource
from posttrain.endpoint import EndpointOptions
from posttrain.evaluate.options import SuiteOptions
from posttrain.experience.options import AlarmOptions
from posttrain.options import Options
from posttrain.policy.options import LoraOptions
from posttrain.rewards.kinds import OPTIONS as REWARDS
from posttrain.stages.ift import HoldOut
from posttrain.stages.kinds import KINDS
from posttrain.yaml_lines import KeyPath

_NESTED: Mapping[str, type[Options]] = {
    "lora": LoraOptions,
    "hold_out": HoldOut,
    "data": DataSource,
    "validation": DataSource,
    "against": DataSource,
    "alarms": AlarmOptions,
    "models": EndpointOptions,
    "settings": Settings,
}
_REWARDING = frozenset({"rewards", "gold"})


def explain(error: Any, values: Any, lines: Mapping[KeyPath, int], overridden: Sequence[KeyPath], path: Path) -> str:
    """One of pydantic's errors as a sentence with file, line and key path.

    Args:
        error: one item of ``ValidationError.errors()``.
        values: the recipe as read.
        lines: the line of each key path.
        overridden: key paths given by ``--set``.
        path: the recipe's file.
    """
    key = _real_path(error["loc"], values, error["type"])
    if error["type"].startswith("union_tag"):
        key = (*key, "kind")
    shown = ".".join(map(str, key))
    place: KeyPath = key
    while place and place not in lines:
        place = place[:-1]
    where = f"--set {shown}" if key in overridden else f"{path}:{lines.get(place, 1)}: {shown}"
    kind = error["type"]
    if kind == "extra_forbidden":
        known = _known_keys(key[:-1], values)
        return f"{where}: unknown key{near(str(key[-1]), known)} (known here: {', '.join(known)})"
    if kind == "missing":
        return f"{where}: is missing"
    if kind == "union_tag_not_found":
        return f"{where}: is missing; one of {', '.join(_kinds(key)[1])}"
    if kind == "union_tag_invalid":
        given, (what, kinds) = str(error["ctx"]["tag"]), _kinds(key)
        return f"{where}: unknown kind of {what} {given}{near(given, kinds)} (kinds: {', '.join(kinds)})"
    message = error["msg"].removeprefix("Input ").removeprefix("Value error, ")
    return f"{where}: {message[0].lower()}{message[1:]}, not {_shown(error['input'])}"


def _real_path(loc: Sequence[Any], values: Any, kind: str) -> KeyPath:
    """pydantic's location without the names of union members it passes through."""
    path: list[str | int] = []
    holder: Any = values
    for i, part in enumerate(loc):
        last_missing = kind == "missing" and i == len(loc) - 1
        inside = (isinstance(holder, dict) and part in holder) or (
            isinstance(holder, list) and isinstance(part, int) and part < len(holder)
        )
        if inside:
            path.append(part)
            holder = holder[part]
        elif last_missing:
            path.append(part)
    return tuple(path)


def _kinds(key: KeyPath) -> tuple[str, Iterable[str]]:
    """What a `kind` at this place is a kind of, and those there are."""
    return ("reward", REWARDS) if len(key) > 2 and key[2] in _REWARDING else ("stage", KINDS)


def _known_keys(at: KeyPath, values: Any) -> list[str]:
    """The keys of the part of the recipe at `at`."""
    match at:
        case ():
            return ["model", "seed", "suites", "stages"]
        case ("suites", *_):
            return list(SuiteOptions.model_fields)
        case ("stages", name):
            return list(KINDS[values["stages"][name]["kind"]].options.model_fields)
        case ("stages", stage, part, name) if part in _REWARDING:
            return list(REWARDS[values["stages"][stage][part][name]["kind"]].model_fields)
        case ("stages", _, part, *_):
            return list(_NESTED[str(part)].model_fields) if part in _NESTED else []
        case _:
            return []


def near(name: str, known: Iterable[str]) -> str:
    """A hint at the nearest known name, if any is near."""
    found = get_close_matches(name, list(known), n=1)
    return f"; did you mean {found[0]}?" if found else ""


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
