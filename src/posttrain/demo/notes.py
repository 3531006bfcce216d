"""Field notes and adverse-event snippets, each with the facts that it states."""

from dataclasses import asdict, dataclass
from random import Random
from typing import Any

from posttrain.demo import world
from posttrain.demo.world import Split

FIELDS = ("product", "dose_mg", "finding", "clinic", "batch")


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts in a field note; its fields are the keys of the SFT stage's JSON, in order."""

    product: str
    dose_mg: int
    finding: str
    clinic: str
    batch: str

    def as_dict(self) -> dict[str, Any]:
        """The facts as a JSON object."""
        return asdict(self)


OPENINGS = (
    "Visited {clinic} today.",
    "Met the {role} at {clinic}.",
    "Phone call with {clinic}.",
    "Call at {clinic} on {day}.",
    "{day}: meeting at {clinic}.",
    "Spoke to a {role} from {clinic}.",
)
REPORTS = (
    "One patient on {product} {dose_mg} mg had {finding}.",
    "The {role} reports {finding} with {product} {dose_mg} mg.",
    "A patient taking {dose_mg} mg of {product} complained of {finding}.",
    "They saw {finding} after {product} {dose_mg} mg.",
    "{product} {dose_mg} mg was followed by {finding}.",
)
BATCHES = (
    "Batch {batch}.",
    "The pack came from batch {batch}.",
    "Batch number {batch}.",
    "It was batch {batch}.",
)
ASIDES = (
    "Left {n} samples.",
    "Next visit in {n} weeks.",
    "They treat {n} patients a day.",
    "Also talked about {other}.",
    "The {role} asked for a leaflet on {other}.",
    "",
    "",
    "",
)


def field_note(rng: Random, split: Split) -> tuple[str, Facts]:
    """A note as a sales representative would type it, and its facts.

    The combination of product and finding, the clinic and the batch all belong to the split.
    """
    label, finding = world.product_and_finding(rng, split)
    facts = Facts(
        label.product,
        label.dose_mg * rng.randint(1, 3),
        finding,
        world.clinic(rng, split),
        world.batch_code(rng, split),
    )
    other = rng.choice([other.product for other in world.LABELS if other is not label])
    fill = facts.as_dict() | {
        "role": rng.choice(world.ROLES),
        "day": world.date(rng, split)[0],
        "n": rng.randint(2, 60),
        "other": other,
    }
    rest = [rng.choice(REPORTS), rng.choice(BATCHES), rng.choice(ASIDES)]
    rng.shuffle(rest)
    text = " ".join(part.format(**fill) for part in (rng.choice(OPENINGS), *rest) if part)
    return text, facts


def event(rng: Random, split: Split) -> tuple[str, str]:
    """An adverse-event snippet and whether it is ``serious`` or ``not serious``."""
    label, finding = world.product_and_finding(rng, split)
    seriousness = rng.choice(("serious", "not serious"))
    outcome = rng.choice(world.OUTCOMES[seriousness])
    text = rng.choice(
        (
            f"After {label.product} {label.dose_mg} mg a patient had {finding} and {outcome}.",
            f"A patient on {label.product} reported {finding}. The patient {outcome}.",
            f"Patient with {finding} while taking {label.product}, who {outcome}.",
        )
    )
    return text, seriousness
