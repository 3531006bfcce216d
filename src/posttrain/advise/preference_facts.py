"""The facts about preference pairs, and about people who can rank."""

from collections.abc import Mapping
from typing import Any

from posttrain.advise.answers import Answers
from posttrain.advise.fact_group import FactGroup
from posttrain.advise.profile import DataProfile
from posttrain.advise.rules import THRESHOLDS

_SAME = ("identical-sides", "near-identical-sides")
_CONFLICTS = ("preference-cycle", "reversed-preference")

_PAIRS = 6
"""Number of pairs that a ranking of four candidates gives."""


def preference_facts(profile: DataProfile, answers: Answers) -> FactGroup:
    """The facts and figures of pairs and people. The fact ``pairs`` means that the pairs are fit to train on."""
    pairs = profile.usable("preference", "judged")
    longer: Mapping[str, Any] = profile.figure("chosen_longer") or {"share": 0.0}
    agreements = [file.agreement for file in profile.files if file.agreement is not None]
    worst = min(agreements, key=lambda agreement: agreement.alpha, default=None)
    conflicts, same = profile.count(*_CONFLICTS), profile.count(*_SAME)
    people = answers.people or 0
    unfit = {
        "length_decides": pairs >= 50 and longer["share"] >= THRESHOLDS.length_decides,
        "conflicting": pairs > 0 and conflicts >= THRESHOLDS.contradict * pairs,
        "low_agreement": worst is not None and worst.alpha < THRESHOLDS.agree,
    }
    fit = pairs > 0 and not any(unfit.values())
    enough = fit and pairs >= THRESHOLDS.enough_pairs
    can_rank_again = people > 0 and profile.prompts >= THRESHOLDS.enough_prompts
    ranked = min(profile.prompts, THRESHOLDS.ranked) if can_rank_again else 0
    facts = {name: holds and not can_rank_again for name, holds in unfit.items()} | {
        "pairs": fit,
        "pairs_or_people": enough or can_rank_again,
        "few_pairs": 0 < pairs < THRESHOLDS.enough_pairs,
        "left_out": pairs > 0 and not fit and can_rank_again,
        "length_biased": "length-bias" in profile.findings and not unfit["length_decides"],
        "same_sides": pairs > 0 and same >= 0.01 * pairs,
        "few_prompts_dominate": "few-prompts-dominate" in profile.findings,
        "one_person": people == 1 and not enough,
        "nobody": answers.people == 0 and not enough,
        "people": people > 1,
        "rankings": people > 1 or enough,
    }
    why_unfit = {
        "length_decides": f"the longer answer wins in {longer['share']:.0%}",
        "conflicting": f"{conflicts} are cycles or reversals",
        "low_agreement": f"alpha {worst.alpha:.2f}" if worst is not None else "",
    }
    figures = {
        "pairs": pairs,
        "pairs_coming": pairs if fit else ranked * _PAIRS,
        "rankings_coming": pairs if fit else ranked * min(people, 2),
        "longer": longer["share"],
        "conflicts": conflicts,
        "judges": worst.people if worst is not None else 0,
        "alpha": worst.alpha if worst is not None else 0.0,
        "same": same,
        "prompts_effective": (profile.figure("prompts") or {"effective": 0.0})["effective"],
        "unfit": ", ".join(why_unfit[name] for name, holds in unfit.items() if holds),
    }
    return FactGroup(facts, figures)
