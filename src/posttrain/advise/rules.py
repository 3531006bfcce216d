"""The rules of the advice: a table, ``rules.yaml``, that says what speaks for and against each technique."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

import yaml

Name = Literal["SFT", "IFT", "DPO", "RLHF", "GRPO"]
Speaks = Literal["needs", "for", "blocks", "against"]

ORDER: tuple[Name, ...] = ("SFT", "IFT", "DPO", "RLHF", "GRPO")
"""Of a stack: first to answer at all, then as people prefer, then as a check demands."""

SPEAKS: tuple[Speaks, ...] = ("needs", "for", "blocks", "against")
"""What a rule can do: must hold, or the technique waits for data; speaks for it; forbids it; is to be known."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The numbers that facts are told by."""

    few_rows: int
    enough_pairs: int
    enough_prompts: int
    ranked: int
    broad: float
    length_decides: float
    agree: float
    contradict: float
    mostly: float
    parses: float
    learnable: float
    known_right: float


@dataclass(frozen=True, slots=True)
class Enough:
    """How much data makes a sound start: so many of these, counted by that figure."""

    number: int
    of: str
    figure: str


@dataclass(frozen=True, slots=True)
class Technique:
    """What a technique is, and its rules.

    Args:
        what, data, complexity, best_for: as the field has it.
        otherwise: why not, where nothing speaks for it.
        enough: data of a sound start.
        rules: what a rule does → fact → the reason, with ``{figures}`` of the case; of `needs`: what is missing.
    """

    name: Name
    what: str
    data: str
    complexity: str
    best_for: str
    otherwise: str
    enough: Enough
    rules: Mapping[Speaks, Mapping[str, str]]


def _technique(name: Name, said: Mapping[str, Any]) -> Technique:
    about = {key: said[key] for key in ("what", "data", "complexity", "best_for", "otherwise")}
    rules: dict[Speaks, Mapping[str, str]] = {speaks: said[speaks] for speaks in SPEAKS}
    return Technique(name, **about, enough=Enough(**said["enough"]), rules=rules)


_TABLE: Mapping[str, Any] = yaml.safe_load(files("posttrain.advise").joinpath("rules.yaml").read_text(encoding="utf-8"))

THRESHOLDS = Thresholds(**_TABLE["thresholds"])

FACTS: Mapping[str, str] = {name: says.format_map(_TABLE["thresholds"]) for name, says in _TABLE["facts"].items()}
"""Fact → when it holds."""

TECHNIQUES: tuple[Technique, ...] = tuple(_technique(name, _TABLE["techniques"][name]) for name in ORDER)
"""In the order of a stack."""
