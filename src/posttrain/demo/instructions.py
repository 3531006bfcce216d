"""Draws rows of the IFT stage's tasks: an instruction in one of the task's wordings, and its only right answer."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from posttrain.demo import notes, world
from posttrain.demo.uses import any_use
from posttrain.demo.wordings import SLOTS, UNSEEN_TASK, WORDINGS
from posttrain.demo.world import LABELS, TIMES, Split


@dataclass(frozen=True, slots=True)
class Instruction:
    """A row of a task.

    Args:
        task: the name of the task.
        phrasing: the name of the wording, ``task-07``.
        prompt: the user's message.
        answer: the only right reply.
    """

    task: str
    phrasing: str
    prompt: str
    answer: str


def draw_instruction(rng: Random, task: str, wordings: range, split: Split) -> Instruction:
    """Draw a row of the task in one of the given wordings, with combinations and values of the split."""
    wording = rng.choice(wordings)
    slots, body, answer = _TASKS[task](rng, split)
    request = WORDINGS[task][wording].format(**slots)
    prompt = f"{request}\n{body}" if body else request
    return Instruction(task, f"{task}-{wording:02d}", prompt, answer)


def compact(record: Mapping[str, Any]) -> str:
    """JSON without spaces, which would cost tokens."""
    return json.dumps(record, separators=(",", ":"))


TaskParts = tuple[dict[str, str], str, str]
"""(slots of the wording, body of the message, answer)."""


def _facts(rng: Random, split: Split) -> TaskParts:
    note, facts = notes.field_note(rng, split)
    return {}, note, compact(facts.as_dict())


def _extract(rng: Random, split: Split) -> TaskParts:
    note, facts = notes.field_note(rng, split)
    field = rng.choice(list(SLOTS))
    return {"slot": SLOTS[field]}, note, f"The {SLOTS[field]} is {facts.as_dict()[field]}."


def _summary(rng: Random, split: Split) -> TaskParts:
    note, facts = notes.field_note(rng, split)
    return {}, note, f"{facts.product} {facts.dose_mg} mg: {facts.finding} at {facts.clinic}."


def _seriousness(rng: Random, split: Split) -> TaskParts:
    text, seriousness = notes.event(rng, split)
    return {}, text, seriousness


def _date(rng: Random, split: Split) -> TaskParts:
    words, figures = world.date(rng, split)
    return {}, words, figures


def _daily_dose(rng: Random, split: Split) -> TaskParts:
    def make() -> tuple[str, int, int]:
        return rng.choice(LABELS).product, 5 * rng.randint(1, 20), rng.randint(1, 4)

    product, dose, times = world.draw_in_split(make, lambda parts: parts, split)
    taken = f"{dose} mg {TIMES[times]} a day"
    return {}, f"{product} {taken}", f"{taken} is {dose * times} mg a day."


def _label(rng: Random, split: Split) -> TaskParts:
    def make() -> tuple[str, str, str]:
        label = rng.choice(LABELS)
        facts = {
            "approved use": label.indication,
            "usual dose": label.dose,
            "form": label.form,
            "contraindication": label.contraindication,
            "common side effect": label.reaction,
            "storage": label.storage,
        }
        fact, value = rng.choice(list(facts.items()))
        return label.product, fact, value

    product, fact, value = world.draw_in_split(make, lambda parts: parts[:2], split)
    return {"product": product, "fact": fact}, "", f"The {fact} of {product} is {value}."


def _use_check(rng: Random, split: Split) -> TaskParts:
    label, condition, population = any_use(rng, split)
    approved = f"The label says {label.indication} in {label.population}."
    where = "on" if label.covers(condition, population) else "off"
    use = f"{world.clinic(rng, split)}: {label.product} for {condition} in {population}"
    return {}, use, f"{approved} The use is {where} the label."


def _handover(rng: Random, split: Split) -> TaskParts:
    note, facts = notes.field_note(rng, split)
    return {}, note, f"{facts.batch}, {facts.clinic}"


_TASKS: dict[str, Callable[[Random, Split], TaskParts]] = {
    "facts": _facts,
    "extract": _extract,
    "summary": _summary,
    "seriousness": _seriousness,
    "date": _date,
    "daily_dose": _daily_dose,
    "label": _label,
    "use_check": _use_check,
    UNSEEN_TASK: _handover,
}
