"""The rules of the advice, read from ``rules.yaml``: which facts count for and against each technique."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

import yaml

TechniqueName = Literal["SFT", "IFT", "DPO", "KTO", "RLHF", "GRPO"]
RuleKind = Literal["needs", "for", "blocks", "against"]

ORDER: tuple[TechniqueName, ...] = ("SFT", "IFT", "DPO", "KTO", "RLHF", "GRPO")
"""The order of a stack: the model learns to answer, then to match preferences, then to pass checks."""

RULE_KINDS: tuple[RuleKind, ...] = ("needs", "for", "blocks", "against")
"""The effects of a rule: a requirement, without which the technique waits for data; an argument for the technique; an
argument that rules it out; a warning."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The numbers by which facts are decided. ``rules.yaml`` explains each."""

    few_rows: int
    enough_pairs: int
    enough_labels: int
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
    """How much data is a sound start.

    Args:
        number: the amount.
        of: the unit in words.
        figure: the figure of the case that counts it.
    """

    number: int
    of: str
    figure: str


@dataclass(frozen=True, slots=True)
class TechniqueRules:
    """A technique's description and its rules.

    Args:
        what, data, complexity, best_for: the description.
        otherwise: the reason against the technique where no `for` rule holds.
        enough: the amount of data that is a sound start.
        rules: kind of rule → fact → reason, with ``{figures}`` of the case; for `needs`, what is missing.
    """

    name: TechniqueName
    what: str
    data: str
    complexity: str
    best_for: str
    otherwise: str
    enough: Enough
    rules: Mapping[RuleKind, Mapping[str, str]]


def _technique_rules(name: TechniqueName, table: Mapping[str, Any]) -> TechniqueRules:
    about = {key: table[key] for key in ("what", "data", "complexity", "best_for", "otherwise")}
    rules: dict[RuleKind, Mapping[str, str]] = {kind: table[kind] for kind in RULE_KINDS}
    return TechniqueRules(name, **about, enough=Enough(**table["enough"]), rules=rules)


_TABLE: Mapping[str, Any] = yaml.safe_load(files("posttrain.advise").joinpath("rules.yaml").read_text(encoding="utf-8"))

THRESHOLDS = Thresholds(**_TABLE["thresholds"])

FACTS: Mapping[str, str] = {name: text.format_map(_TABLE["thresholds"]) for name, text in _TABLE["facts"].items()}
"""Fact → the condition under which it holds."""

TECHNIQUES: tuple[TechniqueRules, ...] = tuple(_technique_rules(name, _TABLE["techniques"][name]) for name in ORDER)
"""All techniques in the order of a stack."""
