"""Courses of treatment, each with the total dose to be worked out. GRPO learns from answers that are checked."""

from dataclasses import dataclass
from random import Random

from posttrain.demo import world
from posttrain.demo.world import LABELS, TIMES, Split

NOTES = (
    "{clinic} gives {product} {dose} mg {times} a day for {days} days.",
    "A {role} at {clinic} put a patient on {product}, {dose} mg, {times} a day, for {days} days.",
    "{product}: {dose} mg {times} a day. The course lasts {days} days, says the {role} of {clinic}.",
    "At {clinic} a patient takes {dose} mg of {product} {times} a day. It is a course of {days} days.",
    "For {days} days, {times} a day, {dose} mg of {product}: that is the plan of {clinic}.",
)
QUESTION = "How many mg are that in total?"


@dataclass(frozen=True, slots=True)
class Course:
    """A course of treatment.

    Args:
        text: the message, with a note and the question.
        dose: milligrams of one dose.
        times: doses a day.
        days: days of the course.
    """

    text: str
    dose: int
    times: int
    days: int

    @property
    def total(self) -> int:
        """Milligrams of the whole course."""
        return self.dose * self.times * self.days

    @property
    def worked(self) -> str:
        """The answer with its two steps."""
        daily = self.dose * self.times
        return f"{self.dose} x {self.times} = {daily} mg a day. {daily} x {self.days} = {self.total} mg in total."


def draw_course(rng: Random, split: Split) -> Course:
    """Draw a course. The combination of dose, times and days belongs to the split, and so does the clinic."""

    def make() -> tuple[int, int, int]:
        return 5 * rng.randint(1, 10), rng.randint(2, 4), rng.randint(3, 10)

    dose, times, days = world.draw_in_split(make, lambda parts: parts, split)
    note = rng.choice(NOTES).format(
        clinic=world.clinic(rng, split),
        product=rng.choice(LABELS).product,
        role=rng.choice(world.ROLES),
        dose=dose,
        times=TIMES[times],
        days=days,
    )
    return Course(f"{note}\n{QUESTION}", dose, times, days)
