"""The tasks of the IFT stage, each asked for in many wordings.

The last wordings of each task are never trained: they measure whether the model follows instructions or has
learnt sentences by heart. One whole task is never trained either.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from posttrain.demo import notes, prose, world
from posttrain.demo.world import LABELS, TIMES, Split

UNSEEN = 3
"""Wordings of each task kept out of training, from the end of its list."""

UNSEEN_TASK = "handover"
"""The task no row of which is trained."""

SLOTS = {
    "product": "product",
    "clinic": "clinic",
    "batch": "batch number",
    "finding": "side effect",
}
"""What `extract` calls the facts it asks for."""

WORDINGS: dict[str, tuple[str, ...]] = {
    "facts": (
        "Turn this note into JSON.",
        "Write the facts of this note as JSON.",
        "Give me the note as JSON.",
        "Extract the facts as JSON.",
        "Convert the note to JSON.",
        "List the facts of the note in JSON.",
        "I need this note in JSON.",
        "JSON for this note, please.",
        "Read the note and write JSON.",
        "Please write this note as JSON.",
        "Make JSON from this note.",
        "Convert these facts to JSON, please.",
        "Please give me JSON for the note.",
    ),
    "extract": (
        "Which {slot} is in the note?",
        "What is the {slot}?",
        "Name the {slot}.",
        "Give me the {slot} only.",
        "Find the {slot} in this note.",
        "Extract the {slot}.",
        "Tell me the {slot} of this note.",
        "Write only the {slot}.",
        "Read the note. Which {slot}?",
        "Please find the {slot}.",
        "I need the {slot} from the note.",
        "Which {slot} does this note name?",
        "Please tell me the {slot} in the note.",
    ),
    "summary": (
        "Summarise the note in one line.",
        "Write a summary of this note.",
        "Give me a one line summary.",
        "Sum up the note.",
        "Short summary of this note, please.",
        "Put the note in one short line.",
        "I need a summary of the note.",
        "One line for this note.",
        "Read the note and sum it up.",
        "Please summarise this note.",
        "Shorten this note to one line.",
        "Give me a short summary of the note.",
        "Please sum up this note in one line.",
    ),
    "seriousness": (
        "Is this event serious?",
        "Serious or not serious?",
        "Grade this event.",
        "Judge the event: serious or not serious?",
        "How serious is this event?",
        "Tell me if the event is serious.",
        "Give me the grade of this event.",
        "Classify the event as serious or not.",
        "I need the grade: serious or not serious.",
        "Please grade the event.",
        "Was it serious?",
        "Classify this event: is it serious?",
        "Please tell me if this event was serious.",
    ),
    "date": (
        "Write this date in figures.",
        "Convert the date to figures.",
        "Give me this date in figures.",
        "Put the date in figures.",
        "Turn the date into figures.",
        "I need this date in figures.",
        "The date as figures, please.",
        "Change this date to figures.",
        "Date in figures?",
        "Please convert this date to figures.",
        "Write the date with figures only.",
        "Turn this date into figures, please.",
        "Please give me the date in figures.",
    ),
    "daily_dose": (
        "What is the total dose a day?",
        "Work out the daily dose.",
        "How much is that a day?",
        "Give me the daily total.",
        "Total a day?",
        "Calculate the daily dose.",
        "How many mg a day in total?",
        "I need the daily total.",
        "Find the total daily dose.",
        "Please work out the total a day.",
        "Tell me the total dose of a day.",
        "How much is the daily dose in total?",
        "Please calculate the total daily dose.",
    ),
    "label": (
        "What is the {fact} of {product}?",
        "Give me the {fact} of {product}.",
        "{product}: {fact}?",
        "State the {fact} of {product}.",
        "Tell me the {fact} for {product}.",
        "From the label of {product}: the {fact}?",
        "Look up the {fact} for {product}.",
        "Which {fact} has {product}?",
        "Name the {fact} of {product}.",
        "Please state the {fact} for {product}.",
        "I need the {fact} of {product}.",
        "What {fact} has {product}?",
        "Please look up the {fact} of {product}.",
    ),
    "use_check": (
        "On the label or off the label?",
        "Is this use on the label?",
        "Check this use.",
        "Check the use against the label.",
        "Is that on the label?",
        "Tell me if the use is on the label.",
        "Does the label say this?",
        "I need to know if this use is on the label.",
        "Look up this use on the label.",
        "Please check this use.",
        "Is the use off the label?",
        "Tell me if this is off the label.",
        "Please check if this use is on the label.",
    ),
    UNSEEN_TASK: (
        "Which batch number and which clinic?",
        "Give me the batch number and the clinic.",
        "Name batch number and clinic.",
    ),
}


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction row.

    Args:
        task: its task.
        phrasing: which wording, ``task-07``.
        prompt: the user's message.
        answer: the only right reply.
    """

    task: str
    phrasing: str
    prompt: str
    answer: str


def seen_wordings(task: str) -> range:
    """Indices of the wordings that training may use."""
    return range(len(WORDINGS[task]) - UNSEEN)


def unseen_wordings(task: str) -> range:
    """Indices of the wordings that only tests use."""
    return range(len(WORDINGS[task]) - UNSEEN, len(WORDINGS[task]))


def instruction(rng: Random, task: str, wordings: range, split: Split) -> Instruction:
    """A row of the task in one of the given wordings, made of the split's combinations and values."""
    wording = rng.choice(wordings)
    slots, body, answer = _TASKS[task](rng, split)
    asked = WORDINGS[task][wording].format(**slots)
    prompt = f"{asked}\n{body}" if body else asked
    return Instruction(task, f"{task}-{wording:02d}", prompt, answer)


def compact(record: Mapping[str, Any]) -> str:
    """JSON without spaces, since separators are tokens too."""
    return json.dumps(record, separators=(",", ":"))


Made = tuple[dict[str, str], str, str]
"""Slots of the wording, body of the message, answer."""


def _facts(rng: Random, split: Split) -> Made:
    note, facts = notes.field_note(rng, split)
    return {}, note, compact(facts.as_dict())


def _extract(rng: Random, split: Split) -> Made:
    note, facts = notes.field_note(rng, split)
    field = rng.choice(list(SLOTS))
    return {"slot": SLOTS[field]}, note, f"The {SLOTS[field]} is {facts.as_dict()[field]}."


def _summary(rng: Random, split: Split) -> Made:
    note, facts = notes.field_note(rng, split)
    return {}, note, f"{facts.product} {facts.dose_mg} mg: {facts.finding} at {facts.clinic}."


def _seriousness(rng: Random, split: Split) -> Made:
    text, seriousness = notes.event(rng, split)
    return {}, text, seriousness


def _date(rng: Random, split: Split) -> Made:
    words, figures = world.date(rng, split)
    return {}, words, figures


def _daily_dose(rng: Random, split: Split) -> Made:
    def make() -> tuple[str, int, int]:
        return rng.choice(LABELS).product, 5 * rng.randint(1, 20), rng.randint(1, 4)

    product, dose, times = world.draw(rng, make, lambda parts: parts, split)
    taken = f"{dose} mg {TIMES[times]} a day"
    return {}, f"{product} {taken}", f"{taken} is {dose * times} mg a day."


def _label(rng: Random, split: Split) -> Made:
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

    product, fact, value = world.draw(rng, make, lambda parts: parts[:2], split)
    return {"product": product, "fact": fact}, "", f"The {fact} of {product} is {value}."


def _use_check(rng: Random, split: Split) -> Made:
    label, condition, population = prose.any_use(rng, split)
    approved = f"The label says {label.indication} in {label.population}."
    where = "on" if label.covers(condition, population) else "off"
    asked = f"{world.clinic(rng, split)}: {label.product} for {condition} in {population}"
    return {}, asked, f"{approved} The use is {where} the label."


def _handover(rng: Random, split: Split) -> Made:
    note, facts = notes.field_note(rng, split)
    return {}, note, f"{facts.batch}, {facts.clinic}"


_TASKS: dict[str, Callable[[Random, Split], Made]] = {
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
