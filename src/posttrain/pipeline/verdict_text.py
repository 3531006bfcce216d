"""A gate's verdict as a sentence for people."""

from posttrain.evaluate.gates.gate_verdict import GateVerdict
from posttrain.pipeline.figure_cells import STYLES


def verdict_sentence(verdict: GateVerdict) -> str:
    """The outcome, the gate, and the figures behind it."""
    outcome = verdict.outcome if verdict.waiver is None else f"{verdict.outcome}, waived by {verdict.waiver['by']}"
    part = f" at {verdict.key}" if verdict.key not in verdict.gate else ""
    return f"{outcome}: {verdict.stage}: {verdict.gate}{part} ({'; '.join(_figures(verdict))})"


def _figures(verdict: GateVerdict) -> list[str]:
    if verdict.value is None:
        return [f"no value from {verdict.n} answers"]
    style, ends, reference = STYLES[verdict.unit], verdict.interval, verdict.reference
    interval = "" if ends is None else f", 95% interval {ends[0]:{style}} to {ends[1]:{style}}"
    groups = f" in {verdict.clusters:,} groups" if verdict.clusters < verdict.n else ""
    figures = [f"{verdict.value:{style}}{interval}"]
    if reference is not None and verdict.difference is not None:
        before = f"{reference['value']:{style}} of {reference['stage']}"
        figures = [f"{verdict.value:{style}}, against {before}", f"difference {verdict.difference:+{style}}{interval}"]
    figures += [f"{verdict.n:,} answers{groups}", verdict.test]
    if verdict.outcome == "inconclusive" and verdict.detectable is not None:
        figures.append(f"so many answers can show a loss of {verdict.detectable:{style}}")
    return figures
