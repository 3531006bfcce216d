"""Applies the rules to the facts: an opinion on each technique, and the stack of techniques to use."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from posttrain.advise.facts import AdviceCase
from posttrain.advise.rules import TECHNIQUES, RuleKind, TechniqueName, TechniqueRules

Verdict = Literal["use", "wait", "no"]
"""Advised; advised once the missing data is there; not advised."""


@dataclass(frozen=True, slots=True)
class RuleReason:
    """A rule that holds.

    Args:
        rule: the rule's name: the name of its fact, or ``otherwise`` or ``enough``.
        text: the reason in words, with the figures of the case.
    """

    rule: str
    text: str


@dataclass(frozen=True, slots=True)
class Opinion:
    """The result of a technique's rules.

    Args:
        technique: the technique's name.
        verdict: see `Verdict`.
        because: the arguments for the technique, unless it is not advised.
        but: the arguments that rule the technique out, or warnings if it is advised.
        missing: the requirements that do not hold; for an advised technique, the data missing for a sound start.
    """

    technique: TechniqueName
    verdict: Verdict
    because: tuple[RuleReason, ...]
    but: tuple[RuleReason, ...]
    missing: tuple[RuleReason, ...]


def opinions(case: AdviceCase) -> list[Opinion]:
    """An opinion on each technique, in the order of a stack."""
    return [_opinion(technique, case) for technique in TECHNIQUES]


def stack_of(opinions: Sequence[Opinion]) -> tuple[TechniqueName, ...]:
    """The techniques to use, in order."""
    return tuple(opinion.technique for opinion in opinions if opinion.verdict == "use")


def _opinion(technique: TechniqueRules, case: AdviceCase) -> Opinion:
    because, blocks, against = (_reasons(technique, kind, case) for kind in ("for", "blocks", "against"))
    unmet = {fact: text for fact, text in technique.rules["needs"].items() if fact not in case.facts}
    verdict: Verdict = "no" if blocks or not because else "wait" if unmet else "use"
    decisive = blocks or (_reason("otherwise", technique.otherwise, case),)
    because, but = ((), decisive) if verdict == "no" else (because, against)
    missing: dict[Verdict, tuple[RuleReason, ...]] = {
        "no": (),
        "wait": tuple(_reason(fact, text, case) for fact, text in unmet.items()),
        "use": _missing_for_sound_start(technique, case),
    }
    return Opinion(technique.name, verdict, because, but, missing[verdict])


def _reasons(technique: TechniqueRules, kind: RuleKind, case: AdviceCase) -> tuple[RuleReason, ...]:
    rules = technique.rules[kind]
    return tuple(_reason(fact, text, case) for fact, text in rules.items() if fact in case.facts)


def _missing_for_sound_start(technique: TechniqueRules, case: AdviceCase) -> tuple[RuleReason, ...]:
    """How much data an advised technique lacks for a sound start."""
    enough = technique.enough
    more = enough.number - case.figures[enough.figure]
    text = f"{more:,} more {enough.of}: {enough.number:,} are a sound start"
    return (RuleReason("enough", text),) if more > 0 else ()


def _reason(rule: str, text: str, case: AdviceCase) -> RuleReason:
    """The reason with its figures filled in; whole numbers get thousands separators."""
    figures: dict[str, Any] = {
        name: f"{value:,}" if isinstance(value, int) else value for name, value in case.figures.items()
    }
    return RuleReason(rule, text.format_map(figures))
