"""Checked parts of imported rows: prompts, candidates, ranks and names."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from posttrain.annotate.work.projects import Item
from posttrain.data.files.strict_json import kind_of
from posttrain.data.formats.messages import conversation, text_or_turns
from posttrain.errors import InputError
from posttrain.files import hash_of
from posttrain.statistics.rank_distance import Ranks

MAX_CANDIDATES = 26
"""The most candidates of an item; they are displayed as A to Z."""

MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Vote:
    """An imported judgment.

    Args:
        person: the person's name in the file.
        ranks: the rank of every candidate.
        shown: the display order, if known.
        duration_ms: how long the person took, if known.
        simulated: whether a program made the judgment.
    """

    person: str
    ranks: Ranks
    shown: Sequence[str] | None = None
    duration_ms: int | None = None
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class ImportedItem:
    """An item with its place (``file:line``) and its judgments."""

    where: str
    item: Item
    votes: Sequence[Vote]


def item_name(value: Any, prompt: Any, candidates: Any, where: str) -> str:
    """An item's name: its row's id, or else a hash of its content, which does not depend on its place."""
    return name_in(value, f"{where}: id") or hash_of([prompt, candidates])[:16]


def prompt_in(value: Any, where: str) -> Any:
    """A prompt as it is stored: a text, or messages."""
    turns = text_or_turns(value, "user", f"{where}: prompt")
    return value if isinstance(value, str) else [dict(turn) for turn in turns]


def object_in(value: Any, where: str) -> Mapping[str, Any]:
    """The value, if it is an object; else an InputError that names the place."""
    if not isinstance(value, Mapping):
        raise InputError(f"{where} must be an object, this is {kind_of(value)}")
    return value


def objects_in(value: Any, where: str) -> list[Mapping[str, Any]]:
    """The value, if it is a list of objects; else an InputError that names the place."""
    return [object_in(entry, f"{where}[{n}]") for n, entry in enumerate(list_in(value, where))]


def list_in(value: Any, where: str) -> Sequence[Any]:
    """The value, if it is a list; else an InputError that names the place."""
    if not isinstance(value, list | tuple):
        raise InputError(f"{where} must be a list, this is {kind_of(value)}")
    return value


def name_in(value: Any, where: str) -> str | None:
    """A name of at most 200 characters, from a text or a number; None if it is empty."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InputError(f"{where} must be a text or a number, this is {kind_of(value)}")
    if len(str(value)) > MAX_NAME:
        raise InputError(f"{where} is longer than {MAX_NAME} characters")
    return str(value)


def whole_in(value: Any, where: str, *, least: int) -> int | None:
    """A whole number of at least `least`; None for None."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 2**31 - 1:
        raise InputError(f"{where} must be a whole number{' of 0 or more' * (least == 0)}, this is {value!r:.40}")
    return value


def candidates_in(value: Any, where: str) -> list[dict[str, Any]]:
    """Candidates as ``{id, text, model, params_hash, turns}``; the last three are optional.

    ``turns`` are the messages of a candidate that has more than one message; ``text`` is what people see.
    """
    given = list_in(value, f"{where}: candidates")
    if not 2 <= len(given) <= MAX_CANDIDATES:
        raise InputError(f"{where}: candidates must be a list of 2 to {MAX_CANDIDATES}, this one has {len(given)}")
    candidates: dict[str, dict[str, Any]] = {}
    for index, item in enumerate(given):
        place = f"{where}: candidates[{index}]"
        if not isinstance(item, Mapping) or not isinstance(item.get("text"), str) or item.get("id") is None:
            raise InputError(f"{place} must be an object {{id, text}} with a string text")
        name = str(item["id"])
        if name in candidates:
            raise InputError(f"{place}: the id `{name}` occurs twice")
        known = {key: str(item[key]) for key in ("model", "params_hash") if item.get(key) is not None}
        turns = {} if item.get("turns") is None else {"turns": _answers_in(item["turns"], f"{place}.turns")}
        candidates[name] = {"id": name, "text": item["text"], **known, **turns}
    return list(candidates.values())


def _answers_in(value: Any, where: str) -> list[dict[str, Any]]:
    turns = conversation(value, where)
    if turns[0]["role"] != "assistant" or turns[-1]["role"] != "assistant":
        raise InputError(f"{where} must start and end with an answer of the assistant")
    return [dict(turn) for turn in turns]


def checked_ranks(value: Any, names: Sequence[str], where: str) -> dict[str, int]:
    """The rank of every candidate, from 1, the best; the numbers in the file may have gaps."""
    given = {str(name): rank for name, rank in object_in(value, where).items() if rank is not None}
    if set(given) != set(names):
        raise InputError(f"{where} must rank {', '.join(names)}; it ranks {', '.join(given) or 'none'}")
    for name, rank in given.items():
        if isinstance(rank, bool) or not isinstance(rank, int | float) or not math.isfinite(rank):
            raise InputError(f"{where}.{name} must be a number, this is {kind_of(rank)}")
    levels = {rank: level for level, rank in enumerate(sorted(set(given.values())), 1)}
    return {name: levels[given[name]] for name in names}
