"""The first sentence of the page: did the run pass its gates, and what changed most."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from posttrain.report.changes import ResultChange
from posttrain.report.record import RunRecord
from posttrain.report.wording import counted, estimate_text, gate_text, listed

Tone = Literal["good", "bad", "open"]


@dataclass(frozen=True, slots=True)
class Headline:
    """The verdict.

    Args:
        sentence: what the run's gates decided.
        more: further sentences.
    """

    tone: Tone
    sentence: str
    more: tuple[str, ...]


def headline(run: RunRecord, changes: Mapping[str, Sequence[ResultChange]]) -> Headline:
    """The verdict of a run.

    Args:
        changes: stage → what it changed.
    """
    tone, sentence, more = _gates(run.gates)
    unfinished = [stage.name for stage in run.stages if stage.state != "done"]
    if unfinished and tone != "bad":
        tone, sentence = "open", f"This run is not finished: {listed(unfinished)} not done. {sentence}"
    return Headline(tone, sentence, (*more, *largest_changes(changes)))


def _gates(gates: Sequence[Mapping[str, Any]] | None) -> tuple[Tone, str, tuple[str, ...]]:
    if gates is None or not gates:
        return "open", "No gates were set, so this run does not say by itself whether the model is good enough.", ()
    named = {outcome: [_name(gate) for gate in gates if gate["outcome"] == outcome] for outcome in _OUTCOMES}
    waived = [f"{_name(gate)} by {gate['waiver']['by']}" for gate in gates if gate.get("waiver")]
    blocking = [gate for gate in gates if _blocks(gate)]
    more = [f"Waived: {'; '.join(waived)}."] if waived else []
    if not blocking:
        if len(named["pass"]) == len(gates):
            all_of_them = "its only gate" if len(gates) == 1 else f"all {len(gates)} gates"
            return "good", f"Passed {all_of_them}.", tuple(more)
        others = [*named["fail"], *named["inconclusive"]]
        rest = f"{counted(len(others), 'other')} did not stop the run: {'; '.join(others)}"
        return "open", f"Passed {len(named['pass'])} of {counted(len(gates), 'gate')}; {rest}.", tuple(more)
    failed = [_name(gate) for gate in blocking if gate["outcome"] == "fail"]
    unsure = [_name(gate) for gate in blocking if gate["outcome"] != "fail"]
    parts = [f"{counted(len(failed), 'gate')} failed: {'; '.join(failed)}"] if failed else []
    parts += [f"{counted(len(unsure), 'gate')} stayed inconclusive: {'; '.join(unsure)}"] if unsure else []
    return "bad", f"Stopped: {'. '.join(parts)}.", tuple(more)


_OUTCOMES = ("pass", "fail", "inconclusive")


def _blocks(gate: Mapping[str, Any]) -> bool:
    if gate.get("waiver") or gate["outcome"] == "pass":
        return False
    return bool(gate.get("blocks", gate["outcome"] == "fail" or gate.get("on_inconclusive") != "warn"))


def _name(gate: Mapping[str, Any]) -> str:
    return f"{gate_text(gate)} (stage {gate['stage']})" if gate.get("stage") else gate_text(gate)


def largest_changes(changes: Mapping[str, Sequence[ResultChange]]) -> list[str]:
    """A sentence on the largest gain, and one on the largest loss, that the tests show."""
    shown = [(stage, change) for stage, found in changes.items() for change in found if change.difference is not None]
    shares = [(stage, change) for stage, change in shown if change.after.estimate.unit == "share"]
    sentences = []
    for signs, words in ((("better", "rose"), "Largest gain"), (("worse", "fell"), "Largest loss")):
        found = [(stage, change) for stage, change in shares or shown if change.sign in signs]
        if found:
            stage, change = max(found, key=lambda one: abs(one[1].difference or 0.0))
            words = (
                words
                if change.after.better
                else {"Largest gain": "Largest rise", "Largest loss": "Largest fall"}[words]
            )
            ends = (
                f"{estimate_text(change.before and change.before.estimate)} to {estimate_text(change.after.estimate)}"
            )
            sentences.append(f"{words}: {change.after.key.label}, from {ends} in stage {stage}.")
    return sentences
