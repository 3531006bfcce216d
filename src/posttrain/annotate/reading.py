"""What every reader of rankings needs: prompts, candidates and ranks, checked."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from posttrain.annotate.disagreement import Ranks
from posttrain.annotate.projects import Item
from posttrain.data.strict_json import kind_of
from posttrain.data.turns import text_or_turns
from posttrain.errors import InputError

MOST_CANDIDATES = 26
"""Candidates are shown as A to Z."""


@dataclass(frozen=True, slots=True)
class Vote:
    """What a person said elsewhere.

    Args:
        person: his name there.
        ranks: of every candidate.
        shown: the order shown, if known.
        duration_ms: how long it took, if known.
        simulated: a program said it.
    """

    person: str
    ranks: Ranks
    shown: Sequence[str] | None = None
    duration_ms: int | None = None
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """An item, where it stood, and what people said of it."""

    where: str
    item: Item
    votes: Sequence[Vote]


def prompt_in(value: Any, where: str) -> Any:
    """A prompt as it is kept: a text, or messages."""
    turns = text_or_turns(value, "user", f"{where}: prompt")
    return value if isinstance(value, str) else [dict(turn) for turn in turns]


def candidates_in(value: Any, where: str) -> list[dict[str, Any]]:
    """``{id, text, model, params_hash}`` each, the last two as far as known."""
    if not isinstance(value, list | tuple) or not 2 <= len(value) <= MOST_CANDIDATES:
        raise InputError(f"{where}: candidates must be a list of 2 to {MOST_CANDIDATES}, this is {kind_of(value)}")
    found: dict[str, dict[str, Any]] = {}
    for index, item in enumerate(value):
        place = f"{where}: candidates[{index}]"
        if not isinstance(item, Mapping) or not isinstance(item.get("text"), str) or item.get("id") is None:
            raise InputError(f"{place} must be an object {{id, text}} with a string text")
        name = str(item["id"])
        if name in found:
            raise InputError(f"{place}: the id `{name}` stands twice")
        known = {key: str(item[key]) for key in ("model", "params_hash") if item.get(key) is not None}
        found[name] = {"id": name, "text": item["text"], **known}
    return list(found.values())


def checked_ranks(value: Any, names: Sequence[str], where: str) -> dict[str, int]:
    """A rank for every candidate, 1 the best; given numbers may have gaps."""
    if not isinstance(value, Mapping):
        raise InputError(f"{where} must be an object {{id: rank}}, this is {kind_of(value)}")
    given = {str(name): rank for name, rank in value.items() if rank is not None}
    if set(given) != set(names):
        raise InputError(f"{where} must rank {', '.join(names)}; it ranks {', '.join(given) or 'none'}")
    for name, rank in given.items():
        if isinstance(rank, bool) or not isinstance(rank, int | float) or not math.isfinite(rank):
            raise InputError(f"{where}.{name} must be a number, this is {kind_of(rank)}")
    levels = {rank: level for level, rank in enumerate(sorted(set(given.values())), 1)}
    return {name: levels[given[name]] for name in names}
