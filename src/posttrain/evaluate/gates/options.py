"""Gates as a recipe states them, and the claims that they are read as."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from posttrain.options import Options

FORMS = "`NAME >= 0.95`, `NAME <= 5%`, `NAME not worse than STAGE by 0.02` or `NAME better than STAGE`"
"""The forms of a gate, for messages."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A claim that compares a result with a number."""

    direction: Literal["at least", "at most"]
    value: float


@dataclass(frozen=True, slots=True)
class NotWorse:
    """The claim that a result is worse than that of another stage by less than the margin.

    Args:
        reference: an earlier stage's name, or "base" for the recipe's model before training.
        margin: the largest loss that is acceptable, in units of the measure.
    """

    reference: str
    margin: float


@dataclass(frozen=True, slots=True)
class BetterThan:
    """The claim that a result is better than that of another stage, or than that of "base"."""

    reference: str


Claim = Threshold | NotWorse | BetterThan


@dataclass(frozen=True, slots=True)
class GateClaim:
    """A gate as it is read.

    Args:
        name: of a suite with one measure, ``suite/measure``, or a measure that only one suite has.
        slice: of the suite; "*" for each slice, None for all answers together.
        claim: what must be shown.
    """

    name: str
    slice: str | None
    claim: Claim


class Waiver(Options):
    """A named person's decision to go on although a gate did not pass. It is recorded with the verdict."""

    by: str = Field(min_length=1, description="name of the person who decides")
    reason: str = Field(min_length=1, description="why the run may go on")


class Gate(Options):
    """A claim about a stage's model that must be shown before the run goes on."""

    gate: str = Field(description=f"the claim: {FORMS.replace('`', '')}; NAME[SLICE] for a slice, NAME[*] for each")
    on_inconclusive: Literal["stop", "warn"] = Field(
        default="stop", description="what the run does if the answers can neither show the claim nor refute it"
    )
    waiver: Waiver | None = Field(default=None, description="goes on whatever the verdict is, and records who decided")

    @field_validator("gate")
    @classmethod
    def _can_be_read(cls, gate: str) -> str:
        read_gate(gate)
        return gate


def as_gates(value: Any) -> Any:
    """A list of gates, from a text, a gate, or a list of either."""
    items: Any = value if isinstance(value, list | tuple) else [value]
    return [{"gate": item} if isinstance(item, str) else item for item in items]


Gates = Annotated[tuple[Gate, ...], BeforeValidator(as_gates)]


def read_gate(text: str) -> GateClaim:
    """Read a gate.

    Raises:
        ValueError: it has none of the forms, or a number is out of bounds.
    """
    match = _GATE.fullmatch(" ".join(text.split()))
    if match is None:
        raise ValueError(f"no gate: write {FORMS}")
    name, part = match["name"], match["slice"]
    if match["sign"] is not None:
        direction = "at least" if match["sign"] == ">=" else "at most"
        return GateClaim(name, part, Threshold(direction, _number(match["value"])))
    if match["worse"] is None:
        return GateClaim(name, part, BetterThan(match["better"]))
    if match["margin"] is None:
        raise ValueError(
            f"add a margin, the largest loss that is acceptable, such as `{name} not worse than {match['worse']} by "
            "0.02`: no number of answers can show that there is no loss at all"
        )
    margin = _number(match["margin"])
    if margin <= 0:
        raise ValueError("the margin is the largest loss that is acceptable; it must be above 0")
    return GateClaim(name, part, NotWorse(match["worse"], margin))


def _number(text: str) -> float:
    return float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)


_VALUE = r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?%?"
_STAGE = r"[A-Za-z0-9_][\w.-]*"
_GATE = re.compile(
    rf"(?P<name>[A-Za-z0-9_][\w./-]*)(?:\[(?P<slice>[^\]]+)\])? ?"
    rf"(?:(?P<sign>>=|<=) ?(?P<value>{_VALUE})"
    rf"| not worse than (?P<worse>{_STAGE})(?: by (?P<margin>{_VALUE}))?"
    rf"| better than (?P<better>{_STAGE}))"
)
