"""Raw text for pre-training: label texts, notes with their records, e-mails, and copying exercises.

The text has no chat markers and no JSON: the base model knows the company and can copy, but it cannot answer. The later
stages need copying (without these exercises, a trial model wrote fluent notes and got 18% of the facts right). So most
documents state facts once and then repeat them in another form.
"""

from collections.abc import Callable, Iterator
from random import Random

from posttrain.demo import label_texts, notes, world
from posttrain.demo.notes import Facts

NAMES = {
    "product": ("product", "medicine", "Product", "drug"),
    "dose_mg": ("dose", "strength", "Dose"),
    "finding": ("finding", "side effect", "symptom", "Finding"),
    "clinic": ("clinic", "site", "Clinic", "place"),
    "batch": ("batch", "batch number", "Batch", "lot"),
}
"""Field of a note → its names in records."""

RECORDS: tuple[tuple[str, str, str, str], ...] = (
    ("Record: ", "{name} = {value}", "; ", "."),
    ("Record\n", "{name}: {value}", "\n", ""),
    ("Record [", '{name}="{value}"', ", ", "]"),
    ("Filed as (", '"{name}" is "{value}"', ", ", ")"),
    ("| ", "{name} | {value}", " | ", " |"),
    ("<", "{name}>{value}</{name}", "><", ">"),
    ("Fields: ", '"{name}"="{value}"', ",", ""),
    ("Facts: ", "{value} ({name})", ", ", "."),
)
"""(opening, form of a fact, separator, closing)."""


def documents(seed: int) -> Iterator[str]:
    """An endless stream of documents, the same for the same seed."""
    rng = Random(seed)
    kinds = list(_KINDS)
    weights = [_KINDS[kind] for kind in kinds]
    while True:
        yield rng.choices(kinds, weights)[0](rng)


def recorded_note(rng: Random) -> str:
    """A note, then some of its facts as a record in one of several forms."""
    text, facts = notes.field_note(rng, "train")
    return f"{text}\n{_record(rng, facts)}"


def questioned_note(rng: Random) -> str:
    """A note, then questions on single facts."""
    text, facts = notes.field_note(rng, "train")
    values = facts.as_dict()
    lines = [text]
    for field in rng.sample(notes.FIELDS, rng.randint(1, 3)):
        name, value = rng.choice(NAMES[field]).lower(), f"{values[field]}{' mg' if field == 'dose_mg' else ''}"
        lines.append(
            rng.choice(
                (
                    f"Question: which {name}? Answer: {value}",
                    f"What is the {name}? {value}",
                    f"The {name} in the note is {value}.",
                    f"Q: name the {name}. A: {value}",
                )
            )
        )
    if rng.random() < 0.3:
        lines.append(f"In short: {facts.product} {facts.dose_mg} mg, {facts.finding}, {facts.clinic}.")
    return "\n".join(lines)


def repeated_list(rng: Random) -> str:
    """A list of invented values, then the same list again."""
    items = [_anything(rng) for _ in range(rng.randint(2, 6))]
    between = rng.choice((", ", "; ", " / ", "\n"))
    again = rng.choice(("Again: ", "Once more: ", "Copy: ", "Same list: "))
    return f"{between.join(items)}\n{again}{between.join(items)}"


def looked_up(rng: Random) -> str:
    """Pairs of values, then questions that give the first value of some pairs and their answers."""
    pairs = [(_anything(rng), _anything(rng)) for _ in range(rng.randint(2, 5))]
    sign = rng.choice((": ", " = ", " -> ", " has "))
    lines = [f"{a}{sign}{b}" for a, b in pairs]
    rng.shuffle(pairs)
    quote = rng.choice(("", '"'))
    lines += [f"{a}? {quote}{b}{quote}" for a, b in pairs[: rng.randint(1, 3)]]
    return "\n".join(lines)


def dates(rng: Random) -> str:
    """Dates in words and in figures."""
    lines: list[str] = []
    for _ in range(rng.randint(3, 7)):
        words, figures = world.date(rng, "train")
        shape = rng.choice(("{w} is {f}", "{f} is {w}", "{w} ({f})", "{w}: {f}"))
        lines.append(shape.format(w=words, f=figures))
    return "\n".join(lines)


def graded_event(rng: Random) -> str:
    """An adverse event and its grade."""
    text, seriousness = notes.event(rng, "train")
    return text + rng.choice((f" This is {seriousness}.", f" Grade: {seriousness}.", f" Judged {seriousness}."))


def email(rng: Random) -> str:
    """An e-mail about a side effect."""
    label, finding = world.product_and_finding(rng, "train")
    site, batch = world.clinic(rng, "train"), world.batch_code(rng, "train")
    return (
        f"Subject: {finding} with {label.product}, batch {batch}\nDear {rng.choice(world.ROLES)},\n"
        + rng.choice(("thank you for your report. ", "thank you for writing to us. ", "we have your message. "))
        + rng.choice(
            (
                f"A patient at {site} had {finding}. The batch was {batch}. ",
                f"We noted {finding} at {site} with batch {batch}. ",
            )
        )
        + rng.choice((f"The usual dose is {label.dose}. ", f"{label.product} is approved for {label.indication}. "))
        + rng.choice(("Please report it to Drug Safety.", "Please contact Medical Information."))
        + f"\n{world.COMPANY}"
    )


_KINDS: dict[Callable[[Random], str], float] = {
    recorded_note: 23,
    questioned_note: 10,
    repeated_list: 6,
    looked_up: 6,
    label_texts.label_sheet: 4,
    label_texts.label_prose: 8,
    label_texts.label_questions: 9,
    label_texts.use_check: 18,
    label_texts.dosing: 7,
    dates: 7,
    graded_event: 5,
    email: 2,
}
"""Kind of document → its weight in the draw."""


def _record(rng: Random, facts: Facts) -> str:
    opening, form, between, closing = rng.choice(RECORDS)
    values = facts.as_dict()
    chosen = list(notes.FIELDS) if rng.random() < 0.4 else rng.sample(notes.FIELDS, rng.randint(2, 5))
    lines = [form.format(name=rng.choice(NAMES[field]), value=values[field]) for field in chosen]
    return f"{opening}{between.join(lines)}{closing}"


def _anything(rng: Random) -> str:
    """A clinic, a batch code, an invented word, a number, or a side effect."""
    kind = rng.randrange(6)
    if kind == 0:
        return world.clinic(rng, "train")
    if kind == 1:
        return world.batch_code(rng, "train")
    if kind == 2:
        return str(rng.randrange(1000))
    if kind == 3:
        return rng.choice(world.FINDINGS)
    syllables = [rng.choice("bcdfghjklmnprstvwz") + rng.choice("aeiou") for _ in range(rng.randint(2, 4))]
    word = "".join(syllables) + rng.choice(("", "n", "r", "s", "l"))
    return word.capitalize() if kind == 4 else word
