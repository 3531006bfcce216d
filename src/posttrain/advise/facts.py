"""The facts of a case, and the figures that reasons quote: from the data, the answers, the model and the machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from posttrain.advise.answers import Answers
from posttrain.advise.demonstration_facts import demonstration_facts
from posttrain.advise.fact_group import FactGroup
from posttrain.advise.label_facts import label_facts
from posttrain.advise.machine import Machine
from posttrain.advise.preference_facts import preference_facts
from posttrain.advise.profile import DataProfile
from posttrain.advise.rules import FACTS, THRESHOLDS
from posttrain.advise.start_model import StartModel

_REWARDS = "math, match, json_fields, json_schema, code, regex, citation, or a Python function of your own"
"""The rewards that a recipe can name."""


@dataclass(frozen=True, slots=True)
class AdviceCase:
    """Everything that the rules read.

    Args:
        facts: the facts of `rules.FACTS` that hold.
        figures: the figures that reasons quote, by name.
    """

    facts: frozenset[str]
    figures: Mapping[str, Any]

    @property
    def pairs_fit(self) -> bool:
        """Whether the existing pairs are fit to train on."""
        return "pairs" in self.facts


def advice_case(profile: DataProfile, answers: Answers, model: StartModel, machine: Machine) -> AdviceCase:
    """Decide each fact, and collect the figures."""
    preferences = preference_facts(profile, answers)
    demonstrations = demonstration_facts(profile, answers, base_model=model.base, pairs_fit=preferences.facts["pairs"])
    checks, labels = _check_facts(profile, answers), label_facts(profile)
    facts = {**preferences.facts, **demonstrations.facts, **checks.facts, **labels.facts}
    weights = 0 if model.shape is None else 4 * model.shape.parameters
    facts |= {
        "base_model": model.base,
        "not_shown": model.base and not facts["demonstrations"],
        "strict": bool(answers.strict),
        "prompts": profile.prompts >= THRESHOLDS.enough_prompts,
        "broad": answers.preferences == "broad",
        "never_right": _success_within(answers, most=THRESHOLDS.learnable) and not facts["demonstrations"],
        "always_right": _success_within(answers, least=1 - THRESHOLDS.learnable),
        "right_at_times": _success_within(answers, least=THRESHOLDS.known_right) and facts["parser"] and not model.base,
        "several_models_too_large": 2 * weights > machine.room,
    }
    facts["explore"] = facts["broad"] and facts["rankings"] and facts["prompts"] and not facts["one_person"]
    assert facts.keys() == FACTS.keys(), facts.keys() ^ FACTS.keys()
    general = {
        "model": model.name.rstrip("/").rpartition("/")[2],
        "success": answers.success or 0.0,
        "people": answers.people or 0,
        "few_rows": THRESHOLDS.few_rows,
        "enough_pairs": THRESHOLDS.enough_pairs,
        "enough_labels": THRESHOLDS.enough_labels,
        "enough_prompts": THRESHOLDS.enough_prompts,
        "prompts": profile.prompts,
    }
    figures = {**general, **preferences.figures, **demonstrations.figures, **checks.figures, **labels.figures}
    return AdviceCase(frozenset(name for name, holds in facts.items() if holds), figures)


def _success_within(answers: Answers, *, least: float = 0.0, most: float = 1.0) -> bool:
    """Whether the share of right answers is known and lies in [least, most), or in [least, 1] for `most` 1."""
    return answers.success is not None and least <= answers.success < most + (most == 1.0)


def _check_facts(profile: DataProfile, answers: Answers) -> FactGroup:
    """The facts about rewards that read the answers."""
    checks = [
        (file.check.fits, file.prompts is not None, file.check.share, file.path, file.check)
        for file in profile.files
        if file.check is not None
    ]
    fits, has_prompts, share, path, check = max(
        checks, default=(False, False, 0.0, "", None), key=lambda candidate: candidate[:3]
    )
    expected = check is not None and check.expected
    facts = {
        "parser": fits and has_prompts,
        "checkable": answers.checkable is True or (answers.checkable is None and expected),
    }
    evidence = "a program can check whether an answer is right"
    if check is None:
        missing = f"answers that a reward reads, in their own column. Rewards: {_REWARDS}"
        return FactGroup(facts, {"check_evidence": evidence, "parser_missing": missing})
    kind, target = check.spec["kind"], check.spec.get("target", "")
    if check.reads:
        evidence = f"the right answer is {check.what}, and the reward {kind} reads {share:.0%} of the answers"
    if not check.reads:
        missing = (
            f"answers that a reward reads: {kind} reads only {share:.0%} of {target}; correct the rest. "
            f"Rewards: {_REWARDS}"
        )
    elif not fits:
        missing = (
            f"answers that earn the reward: {kind} reads {target}, but {check.earned:.0%} of the answers to imitate "
            f"earn it; to train on that column use --columns completion={target}"
        )
    else:
        missing = f"a column named prompt with the whole prompt, beside the answer ({path} splits it over columns)"
    return FactGroup(facts, {"check_evidence": evidence, "parser_missing": missing})
