"""From facts to advice: what each technique's rules say, and the stack they make."""

from dataclasses import dataclass
from typing import Any, Literal

from posttrain.advise.facts import Case
from posttrain.advise.rules import TECHNIQUES, Name, Speaks, Technique

Verdict = Literal["use", "wait", "no"]
"""Advised; advised once what it lacks is there; not advised."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the rules say of a technique.

    Args:
        technique: which.
        verdict: see `Verdict`.
        because: what speaks for it, where it is advised.
        but: what blocks it, or why not; where it is advised, what to mind.
        missing: what it needs and lacks, and how much; of one advised, what would make a sound start of it.
    """

    technique: Name
    verdict: Verdict
    because: tuple[str, ...]
    but: tuple[str, ...]
    missing: tuple[str, ...]


def opinions(case: Case) -> list[Opinion]:
    """One of each technique, in the order of a stack."""
    return [_opinion(technique, case) for technique in TECHNIQUES]


def stack_of(some: list[Opinion]) -> tuple[Name, ...]:
    """The techniques to use, one after the other."""
    return tuple(opinion.technique for opinion in some if opinion.verdict == "use")


def _opinion(technique: Technique, case: Case) -> Opinion:
    because, blocks, against = (_said(technique, speaks, case) for speaks in ("for", "blocks", "against"))
    lacks = [says for fact, says in technique.rules["needs"].items() if fact not in case.facts]
    verdict: Verdict = "no" if blocks or not because else "wait" if lacks else "use"
    decisive = blocks or [_worded(technique.otherwise, case)]
    because, but = ([], decisive) if verdict == "no" else (because, against)
    missing = {"no": [], "wait": [_worded(says, case) for says in lacks], "use": _short_of(technique, case)}
    return Opinion(technique.name, verdict, tuple(because), tuple(but), tuple(missing[verdict]))


def _said(technique: Technique, speaks: Speaks, case: Case) -> list[str]:
    return [_worded(says, case) for fact, says in technique.rules[speaks].items() if fact in case.facts]


def _short_of(technique: Technique, case: Case) -> list[str]:
    """What would make a sound start of a technique that is advised."""
    enough = technique.enough
    more = enough.number - case.figures[enough.figure]
    return [f"{more:,} more {enough.of}: {enough.number:,} are a sound start"] if more > 0 else []


def _worded(says: str, case: Case) -> str:
    shown: dict[str, Any] = {n: f"{value:,}" if isinstance(value, int) else value for n, value in case.figures.items()}
    return says.format_map(shown)
