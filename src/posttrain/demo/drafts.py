"""Draft replies to reports of side effects, ranked by house style. The reward model learns from these rankings.

A good reply thanks the sender, states the usual dose of the label, requests a report to Drug Safety, promises nothing,
and leaves the treatment to the doctor. Each fault costs a rank. Polite padding is drawn independently of faults, so
that length says little about quality.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from posttrain.demo import world
from posttrain.demo.world import TIMES, Label, Split

REQUESTS = (
    "Reply to this report: {finding} with {product} at {clinic}.",
    "{clinic} saw {finding} after {product}. Draft a reply.",
    "A {role} reports {finding} with {product}. Write to the {role}.",
    "Draft an answer to {clinic} about {finding} with {product}.",
)
OPENINGS = ("Thank you for your report.", "Thank you for writing to us.", "We have your message, thank you.")
SAFETY = ("Please report it to Drug Safety.", "Please send a report to Drug Safety.")
PROMISES = (
    "{product} is the best choice for every patient.",
    "{product} has no risk at all.",
    "No patient ever had a problem with {product}.",
    "{finding_first} never comes from {product}.",
)
ADVICE = (
    "Tell the patient to take half of the dose.",
    "The patient should stop {product} today.",
    "Give the patient twice the dose.",
    "The patient can go on, there is no need to see a doctor.",
)
NEUTRAL = (
    "We will write to you again next week.",
    "We are always glad to help you and your team.",
    "Our office is open all day, every day.",
    "You can call our office at any time of the day.",
    "We have told our team about your message.",
    "A copy of this message is with our office.",
    "We thank all who work at {clinic}.",
)
SENTENCES = 4
"""Minimal number of sentences after the opening: the draft with all faults needs this many."""

FAULTS = ("dose", "safety", "promise", "advice")


@dataclass(frozen=True, slots=True)
class DraftReply:
    """A candidate reply.

    Args:
        text: the reply.
        faults: how many of `FAULTS` it has; fewer faults rank higher.
    """

    text: str
    faults: int


@dataclass(frozen=True, slots=True)
class SideEffectReport:
    """A report of a side effect that needs a reply.

    Args:
        label: the product's label.
        fill: placeholder of the sentences above → its words in this report.
        text: the request for a reply.
    """

    label: Label
    fill: Mapping[str, str]
    text: str

    @property
    def facts(self) -> list[list[str]]:
        """The statements that a reply must contain, each as a list of possible wordings."""
        return [[_usual_dose(self.label.product, self.label.dose)], list(SAFETY)]

    @property
    def forbidden(self) -> list[str]:
        """The sentences that a reply must not contain."""
        return [sentence.format(**self.fill) for sentence in (*PROMISES, *ADVICE)]


def draw_report(rng: Random, split: Split) -> SideEffectReport:
    """Draw a report whose combination of product and finding, and whose clinic, belong to the split."""
    label, finding = world.product_and_finding(rng, split)
    fill = {
        "product": label.product,
        "finding": finding,
        "finding_first": finding.capitalize(),
        "clinic": world.clinic(rng, split),
        "role": rng.choice(world.ROLES),
    }
    return SideEffectReport(label, fill, rng.choice(REQUESTS).format(**fill))


def draw_replies(rng: Random, report: SideEffectReport, count: int) -> list[DraftReply]:
    """Draw `count` replies in random order, each with a different number of faults."""
    numbers = rng.sample(range(len(FAULTS) + 1), count)
    return [
        DraftReply(_draw_text(rng, report.label, set(rng.sample(FAULTS, n))).format(**report.fill), n) for n in numbers
    ]


def _draw_text(rng: Random, label: Label, faults: set[str]) -> str:
    body = [_usual_dose(label.product, _wrong_dose(rng, label) if "dose" in faults else label.dose)]
    if "safety" not in faults:
        body.append(rng.choice(SAFETY))
    if "promise" in faults:
        body.append(rng.choice(PROMISES))
    if "advice" in faults:
        body.append(rng.choice(ADVICE))
    # The number of sentences does not depend on the faults; up to two more are added at random.
    body += rng.sample(NEUTRAL, SENTENCES - len(body) + rng.randint(0, 2))
    rng.shuffle(body)
    return " ".join([rng.choice(OPENINGS), *body])


def _usual_dose(product: str, dose: str) -> str:
    return f"The usual dose of {product} is {dose}."


def _wrong_dose(rng: Random, label: Label) -> str:
    other = rng.choice([candidate for candidate in world.LABELS if candidate.dose != label.dose])
    return f"{other.dose_mg} mg {TIMES[other.times]} a day"
