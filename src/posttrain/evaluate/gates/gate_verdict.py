"""The verdict of a gate, as ``gates.json`` keeps it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from posttrain.statistics.estimate import Unit
from posttrain.statistics.verdicts import Outcome


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """A gate's verdict, with the evidence behind it.

    Args:
        stage: whose model the gate is about.
        gate: its text.
        key: the result that it is about, such as ``safety/refused[dosing]``.
        unit: of the values.
        outcome: pass, fail or inconclusive.
        blocks: whether the run stops here.
        value: of the stage's model; None if the samples give none.
        reference: name and value of the model that it is compared with; None for a comparison with a number.
        threshold: the number that the value is compared with.
        margin: the largest loss that is acceptable.
        difference: value - reference's value, over the questions that both answered.
        interval: 95% interval of the value, or of the difference where there is a reference.
        n: answers behind it.
        clusters: independent groups of answers.
        test: the name of the test.
        p_pass: a small value shows that the claim holds.
        p_fail: a small value shows that the model is on the wrong side; corrected for the number of gates.
        detectable: the smallest loss of a share that so many independent answers would show with 80% power.
        on_inconclusive: what the run does if the verdict is inconclusive.
        waiver: who decided to go on, and why; None without a waiver.
    """

    stage: str
    gate: str
    key: str
    unit: Unit
    outcome: Outcome
    blocks: bool
    value: float | None
    reference: dict[str, Any] | None
    threshold: float | None
    margin: float | None
    difference: float | None
    interval: tuple[float, float] | None
    n: int
    clusters: int
    test: str
    p_pass: float
    p_fail: float
    detectable: float | None
    on_inconclusive: Literal["stop", "warn"]
    waiver: dict[str, str] | None

    def as_json(self) -> dict[str, Any]:
        """The verdict as ``gates.json`` holds it."""
        return asdict(self)
