"""Draft replies to reports of side effects, ranked by the house's rule: what the reward model learns.

Good: thanks, states the usual dose as the label has it, asks for a report to Drug Safety, promises nothing and
leaves the treatment to the doctor. Each fault costs a rank. Polite padding is drawn apart from quality, so that
length says little about it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from posttrain.demo import world
from posttrain.demo.world import TIMES, Label, Split

ASKS = (
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
"""The fewest after the opening: as many as the draft with most faults needs."""

FAULTS = ("dose", "safety", "promise", "advice")


@dataclass(frozen=True, slots=True)
class Draft:
    """One candidate reply.

    Args:
        text: the reply.
        faults: how many of `FAULTS` it has; fewer rank higher.
    """

    text: str
    faults: int


@dataclass(frozen=True, slots=True)
class Report:
    """A report of a side effect, to be answered.

    Args:
        label: of the product.
        fill: the words of this report, by their names in the sentences above.
        text: the request.
    """

    label: Label
    fill: Mapping[str, str]
    text: str

    @property
    def facts(self) -> list[list[str]]:
        """What a reply must say, each in its possible words."""
        return [[_usual_dose(self.label.product, self.label.dose)], list(SAFETY)]

    @property
    def forbidden(self) -> list[str]:
        """What it must not say."""
        return [sentence.format(**self.fill) for sentence in (*PROMISES, *ADVICE)]


def report(rng: Random, split: Split) -> Report:
    """A report of the split's combinations and clinics."""
    label, finding = world.product_and_finding(rng, split)
    fill = {
        "product": label.product,
        "finding": finding,
        "finding_first": finding.capitalize(),
        "clinic": world.clinic(rng, split),
        "role": rng.choice(world.ROLES),
    }
    return Report(label, fill, rng.choice(ASKS).format(**fill))


def drafts(rng: Random, asked: Report, count: int) -> list[Draft]:
    """`count` replies, each with another number of faults, in random order."""
    numbers = rng.sample(range(len(FAULTS) + 1), count)
    return [Draft(_draft(rng, asked.label, set(rng.sample(FAULTS, n))).format(**asked.fill), n) for n in numbers]


def _draft(rng: Random, label: Label, faults: set[str]) -> str:
    body = [_usual_dose(label.product, _wrong_dose(rng, label) if "dose" in faults else label.dose)]
    if "safety" not in faults:
        body.append(rng.choice(SAFETY))
    if "promise" in faults:
        body.append(rng.choice(PROMISES))
    if "advice" in faults:
        body.append(rng.choice(ADVICE))
    # As many sentences whatever the faults, give or take what chance adds.
    body += rng.sample(NEUTRAL, SENTENCES - len(body) + rng.randint(0, 2))
    rng.shuffle(body)
    return " ".join([rng.choice(OPENINGS), *body])


def _usual_dose(product: str, dose: str) -> str:
    return f"The usual dose of {product} is {dose}."


def _wrong_dose(rng: Random, label: Label) -> str:
    other = rng.choice([one for one in world.LABELS if one.dose != label.dose])
    return f"{other.dose_mg} mg {TIMES[other.times]} a day"
