"""The facts about answers that are marked good or bad."""

from posttrain.advise.fact_group import FactGroup
from posttrain.advise.profile import DataProfile
from posttrain.advise.rules import THRESHOLDS


def label_facts(profile: DataProfile) -> FactGroup:
    """The facts and figures of answers with a label. Demonstrations are other rows, without a label."""
    labels = profile.usable("unpaired")
    sides = profile.figure("unpaired") or {"good": 0, "bad": 0}
    conflicts = profile.count("contradictory-labels")
    facts = {
        "labels": labels > 0,
        "both_labels": min(sides["good"], sides["bad"]) >= THRESHOLDS.enough_labels,
        "few_labels": 0 < labels < 5 * THRESHOLDS.enough_labels,
        "conflicting_labels": labels > 0 and conflicts >= THRESHOLDS.contradict * labels,
        "unpaired": labels > 0 and not any(file.shows for file in profile.files),
    }
    figures = {
        "labels": labels,
        "good": sides["good"],
        "bad": sides["bad"],
        "conflicting_labels": conflicts,
    }
    return FactGroup(facts, figures)
