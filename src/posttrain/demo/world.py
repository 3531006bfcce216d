"""The fictional company Orrinvale: its products, the facts of their labels, and the values that fill its notes.

The world is fixed, and seeds draw rows from it. Every product, clinic and batch is invented. A hash divides
combinations and open-vocabulary values into train, valid and test, so that no test combination or name ever occurs in
training, whichever seed drew the rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal, TypeVar
from zlib import crc32

Split = Literal["train", "valid", "test"]
V = TypeVar("V")

COMPANY = "Orrinvale"


@dataclass(frozen=True, slots=True)
class Label:
    """The label of a product.

    Args:
        product: the invented name.
        indication: the only approved condition.
        populations: the approved populations.
        dose_mg: milligrams of one dose; strengths on the market are one, two and three times this.
        times: number of doses per day.
        form: tablet, syrup and so on.
        contraindication: the condition of patients who must not take it.
        reaction: the most common side effect.
        storage: the storage instruction.
    """

    product: str
    indication: str
    populations: tuple[str, ...]
    dose_mg: int
    times: int
    form: str
    contraindication: str
    reaction: str
    storage: str

    @property
    def dose(self) -> str:
        """The usual dose in words."""
        return f"{self.dose_mg} mg {TIMES[self.times]} a day"

    @property
    def population(self) -> str:
        """The approved populations in words."""
        return in_words(self.populations)

    def covers(self, condition: str, population: str) -> bool:
        """Whether a use is on the label."""
        return condition == self.indication and population in self.populations


def in_words(items: tuple[str, ...]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


TIMES = {1: "once", 2: "twice", 3: "three times", 4: "four times"}
POPULATIONS = ("adults", "teenagers", "children")
ADULTS, TEENS, ALL = POPULATIONS[:1], POPULATIONS[:2], POPULATIONS

LABELS = (
    Label("Arvelune", "chronic migraine", ADULTS, 20, 1, "tablet", "liver disease", "dry mouth", "below 25 degrees"),
    Label("Bexoriva", "plaque psoriasis", TEENS, 40, 2, "capsule", "pregnancy", "skin rash", "in the fridge"),
    Label("Corvantel", "high blood pressure", ADULTS, 5, 1, "tablet", "kidney disease", "dizziness", "in a dry place"),
    Label("Dovarell", "mild asthma", ALL, 10, 2, "inhaler", "heart failure", "sore throat", "away from light"),
    Label("Elmarsia", "iron deficiency", TEENS, 30, 1, "syrup", "stomach ulcer", "nausea", "below 25 degrees"),
    Label("Fenquilo", "seasonal allergy", ALL, 15, 1, "syrup", "glaucoma", "fatigue", "in a dry place"),
    Label("Gavotrel", "acid reflux", ADULTS, 25, 2, "capsule", "liver disease", "stomach cramps", "away from light"),
    Label("Hylomere", "knee arthritis", ADULTS, 50, 3, "tablet", "stomach ulcer", "swollen ankles", "in a dry place"),
    Label("Istarone", "restless legs", ADULTS, 10, 1, "patch", "glaucoma", "blurred vision", "in the fridge"),
    Label("Jovaquin", "overactive bladder", TEENS, 35, 1, "tablet", "kidney disease", "back pain", "below 25 degrees"),
    Label("Kelmiro", "atopic eczema", ALL, 20, 3, "cream", "pregnancy", "itching", "in the fridge"),
    Label("Lunaveer", "underactive thyroid", TEENS, 45, 1, "tablet", "heart failure", "fast pulse", "away from light"),
)
BY_PRODUCT = {label.product: label for label in LABELS}
CONDITIONS = tuple(label.indication for label in LABELS)

FINDINGS = (
    *("dry mouth", "skin rash", "dizziness", "sore throat", "nausea", "fatigue", "stomach cramps", "itching"),
    *(
        "swollen ankles",
        "blurred vision",
        "back pain",
        "fast pulse",
        "joint pain",
        "poor sleep",
        "muscle weakness",
    ),
    *("mild headache", "low appetite", "hair loss", "cold hands", "night sweats"),
)
ROLES = ("nurse", "pharmacist", "cardiologist", "neurologist", "dermatologist", "paediatrician", "ward doctor")
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
OUTCOMES = {
    "serious": (
        *("was admitted to hospital", "needed intensive care", "nearly died", "stayed in hospital for a week"),
        *("was left with a lasting disability", "lost consciousness and needed emergency care"),
    ),
    "not serious": (
        *("recovered at home", "felt well the next day", "needed no treatment", "went back to work the same day"),
        *("improved after a short rest", "did not need to see a doctor"),
    ),
}

_HEADS = (
    *("Quell", "Zarr", "Brezz", "Thurl", "Wosk", "Myrr", "Drun", "Hosk", "Pundr", "Stav", "Grenv", "Lirr", "Osk"),
    *("Ravv", "Sorl", "Tarv", "Ulm", "Vark", "Yarl", "Kess", "Fosk", "Jarl", "Navv", "Celd"),
)
_MIDDLES = ("", "o", "a", "er", "in")
_TAILS = (
    *("ford", "ley", "mere", "wick", "ton", "by", "stead", "gate", "brook", "dale", "combe", "worth", "field"),
    *("moor", "ham", "hurst"),
)
_PLACES = ("Clinic", "Hospital", "Surgery", "Practice")


def split_of(*parts: str | int) -> Split:
    """Train, valid (1 in 10) or test (1 in 5), by a hash of the combination or value."""
    bucket = crc32("|".join(map(str, parts)).encode()) % 10
    return "test" if bucket < 2 else "valid" if bucket == 2 else "train"


def draw_in_split(make: Callable[[], V], parts: Callable[[V], tuple[str | int, ...]], split: Split) -> V:
    """Draw values until one belongs to the split.

    Args:
        make: draws a value.
        parts: the parts of a value that decide its split.
    """
    while split_of(*parts(value := make())) != split:
        pass
    return value


def town(rng: Random, split: Split) -> str:
    """An invented place name of the split; there are about 1,900 in all splits."""
    return draw_in_split(
        lambda: rng.choice(_HEADS) + rng.choice(_MIDDLES) + rng.choice(_TAILS), lambda name: (name,), split
    )


def clinic(rng: Random, split: Split) -> str:
    """A clinic named after an invented place."""
    return f"{town(rng, split)} {rng.choice(_PLACES)}"


def batch_code(rng: Random, split: Split) -> str:
    """Two capitals and four digits."""

    def make() -> str:
        letters = "".join(rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(2))
        return f"{letters}{rng.randrange(10_000):04d}"

    return draw_in_split(make, lambda code: (code,), split)


def product_and_finding(rng: Random, split: Split) -> tuple[Label, str]:
    """A product and a side effect whose combination belongs to the split."""
    return draw_in_split(
        lambda: (rng.choice(LABELS), rng.choice(FINDINGS)),
        lambda pair: (pair[0].product, pair[1]),
        split,
    )


def date(rng: Random, split: Split) -> tuple[str, str]:
    """A day in words and in figures: ``("7 March 2031", "07/03/2031")``."""

    def make() -> tuple[int, int, int]:
        return rng.randint(2026, 2039), rng.randint(1, 12), rng.randint(1, 28)

    year, month, day = draw_in_split(make, lambda parts: parts, split)
    return f"{day} {MONTHS[month - 1]} {year}", f"{day:02d}/{month:02d}/{year}"
