"""Verdicts of gates: pass, fail or inconclusive, each with the p-values behind it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from posttrain.statistics.confidence import ConfidenceDistribution
from posttrain.statistics.holm import holm
from posttrain.statistics.paired import PairedComparison

Outcome = Literal["pass", "fail", "inconclusive"]
Direction = Literal["at least", "at most"]

ALPHA = 0.05
"""The probability of a wrong verdict."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A gate's outcome.

    Args:
        p_pass: a small value shows that the gate's claim holds.
        p_fail: a small value shows that the model is on the wrong side: below the threshold, or worse than before.
        levels: the smallest `p_fail` that the data allow, ascending; empty if any is possible. `decide` uses them.
    """

    outcome: Outcome
    p_pass: float
    p_fail: float
    levels: tuple[float, ...] = ()


def against_threshold(
    distribution: ConfidenceDistribution, threshold: float, direction: Direction, alpha: float = ALPHA
) -> Verdict:
    """Compare a value with a number: the one-sided bounds of level 1 - alpha decide.

    With "at least", the gate passes if the lower bound lies above the threshold, and fails if the upper bound lies
    below it. At the end of the scale (a share of at least 1) no number of answers can show a pass.
    """
    above, below = distribution.p_above(threshold), distribution.p_below(threshold)
    return verdict_of(*((above, below) if direction == "at least" else (below, above)), alpha=alpha)


def not_worse(comparison: PairedComparison, margin: float, alpha: float = ALPHA) -> Verdict:
    """Non-inferiority: pass if the model is shown to be worse by less than the margin, fail if a loss is shown.

    A loss that is shown to be smaller than the margin passes.

    Raises:
        ValueError: the margin is negative.
    """
    if margin < 0:
        raise ValueError(f"the margin is {margin}: give the largest loss that is acceptable, as a positive number")
    p_pass = comparison.p_within(margin)
    return verdict_of(p_pass, comparison.p_loss, levels=comparison.levels, alpha=alpha)


def better(comparison: PairedComparison, alpha: float = ALPHA) -> Verdict:
    """Superiority: pass if a gain is shown, fail if a loss is shown."""
    return verdict_of(comparison.p_gain, comparison.p_loss, levels=comparison.levels, alpha=alpha)


def verdict_of(p_pass: float, p_fail: float, *, levels: tuple[float, ...] = (), alpha: float = ALPHA) -> Verdict:
    """The outcome that two p-values give at one level; a pass comes first."""
    outcome: Outcome = "pass" if p_pass <= alpha else "fail" if p_fail <= alpha else "inconclusive"
    return Verdict(outcome, p_pass, p_fail, levels)


def decide(gates: Sequence[Verdict], alpha: float = ALPHA, *, share: float = 1.0) -> list[Verdict]:
    """The verdicts of all gates of a run together, with `p_fail` corrected for their number.

    - The probability that any gate fails without a true loss is at most alpha: the `p_fail` get Holm's correction.
    - The probability that all gates pass although one claim is false is at most alpha: this needs no correction,
      because the false claim alone would have to pass (R. Berger, "Multiparameter Hypothesis Testing and Acceptance
      Sampling", Technometrics 24, 1982: the intersection-union test).

    A run decides its gates stage by stage. The gates of one decision then use a part of alpha, and the parts of all
    decisions sum to 1 (Bonferroni between decisions, Holm within each).

    Use `each_pass` where single passes are reported as findings, without regard to the other gates.

    Args:
        share: the part of alpha that the failures of these gates may use.
    """
    scaled = [min(1.0, gate.p_fail / share) for gate in gates]
    corrected = holm(scaled, [tuple(level / share for level in gate.levels) for gate in gates])
    return [
        verdict_of(gate.p_pass, p_fail, levels=gate.levels, alpha=alpha)
        for gate, p_fail in zip(gates, corrected, strict=True)
    ]


def each_pass(gates: Sequence[Verdict], alpha: float = ALPHA) -> list[Verdict]:
    """The verdicts with `p_pass` corrected too: any false pass among them has a probability of at most alpha."""
    corrected = holm([gate.p_pass for gate in gates])
    passes = [replace(gate, p_pass=p) for gate, p in zip(gates, corrected, strict=True)]
    return decide(passes, alpha)
