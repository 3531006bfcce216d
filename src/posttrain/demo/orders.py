"""Notes on a doctor's order, and the record of each. GRPO learns to write the records from checked answers.

The note does not state the daily total, so the model must compute it. A reward can check a record that the model was
never shown.
"""

from dataclasses import asdict, dataclass
from random import Random
from typing import Any

from posttrain.demo import world
from posttrain.demo.world import LABELS, TIMES, Split

NOTES = (
    "{clinic} orders {product} {dose} mg, {times} a day.",
    "A {role} at {clinic} put a patient on {product}, {times} a day, {dose} mg.",
    "{product}: {dose} mg {times} a day, says the {role} of {clinic}.",
    "At {clinic} they now give {dose} mg of {product} {times} a day.",
    "The {role} wants {dose} mg {times} a day of {product} for {clinic}.",
)
ASIDES = ("Left {n} samples.", "Next visit in {n} weeks.", "They treat {n} patients a day.", "", "")
INSTRUCTION = "Write the order as JSON."


@dataclass(frozen=True, slots=True)
class Order:
    """The order in a note; its fields are the keys of the record, in order.

    Args:
        clinic: the clinic that ordered.
        product: the product.
        dose: the dose and its frequency, ``45 mg twice a day``.
        total: the daily total, ``90 mg a day``.
    """

    clinic: str
    product: str
    dose: str
    total: str

    def as_dict(self) -> dict[str, Any]:
        """The order as a JSON object."""
        return asdict(self)


def draw_order(rng: Random, split: Split) -> tuple[str, Order]:
    """Draw a prompt with a note, and the order that the note states.

    The combination of product, dose and times belongs to the split, and so does the clinic.
    """

    def make() -> tuple[str, int, int]:
        return rng.choice(LABELS).product, 5 * rng.randint(1, 20), rng.randint(1, 4)

    product, dose, times = world.draw_in_split(make, lambda parts: parts, split)
    order = Order(world.clinic(rng, split), product, f"{dose} mg {TIMES[times]} a day", f"{dose * times} mg a day")
    fill = {
        "clinic": order.clinic,
        "product": product,
        "dose": dose,
        "times": TIMES[times],
        "role": rng.choice(world.ROLES),
        "n": rng.randint(2, 60),
    }
    sentences = [rng.choice(NOTES), rng.choice(ASIDES)]
    rng.shuffle(sentences)
    return f"{INSTRUCTION}\n" + " ".join(part.format(**fill) for part in sentences if part), order
