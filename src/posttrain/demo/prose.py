"""The world's raw text, for pre-training: label sheets, notes with their records, e-mails, drills.

No chat markers and no JSON: what the base knows is the company and how to copy, not how to answer. Copying is the
skill the later stages need (a trial without it wrote fluent notes and got 18% of the facts right), so most
documents state something once and then state it again in another shape.
"""

from collections.abc import Callable, Iterator
from random import Random

from posttrain.demo import notes, world
from posttrain.demo.notes import Facts
from posttrain.demo.world import LABELS, TIMES, Label

NAMES = {
    "product": ("product", "medicine", "Product", "drug"),
    "dose_mg": ("dose", "strength", "Dose"),
    "finding": ("finding", "side effect", "symptom", "Finding"),
    "clinic": ("clinic", "site", "Clinic", "place"),
    "batch": ("batch", "batch number", "Batch", "lot"),
}
"""What records call a fact."""

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
"""Opening, one fact, between facts, closing."""


def documents(seed: int) -> Iterator[str]:
    """An endless stream of documents, the same for the same seed."""
    rng = Random(seed)
    kinds = list(_KINDS)
    weights = [_KINDS[kind] for kind in kinds]
    while True:
        yield rng.choices(kinds, weights)[0](rng)


def recorded_note(rng: Random) -> str:
    """A note, then some of its facts in one of several plain shapes."""
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
    """A list of names nobody has seen, then the same list again."""
    items = [_anything(rng) for _ in range(rng.randint(2, 6))]
    between = rng.choice((", ", "; ", " / ", "\n"))
    again = rng.choice(("Again: ", "Once more: ", "Copy: ", "Same list: "))
    return f"{between.join(items)}\n{again}{between.join(items)}"


def looked_up(rng: Random) -> str:
    """Pairs of names, then some of them asked for by their first half."""
    pairs = [(_anything(rng), _anything(rng)) for _ in range(rng.randint(2, 5))]
    sign = rng.choice((": ", " = ", " -> ", " has "))
    lines = [f"{a}{sign}{b}" for a, b in pairs]
    rng.shuffle(pairs)
    quote = rng.choice(("", '"'))
    lines += [f"{a}? {quote}{b}{quote}" for a, b in pairs[: rng.randint(1, 3)]]
    return "\n".join(lines)


def label_sheet(rng: Random) -> str:
    """A label as a list of its facts, in any order."""
    label = rng.choice(LABELS)
    lines = [f"{name}: {value}" for name, value in _label_facts(label).items()]
    rng.shuffle(lines)
    return "\n".join([f"{label.product} label", *lines])


def label_prose(rng: Random) -> str:
    """A label in sentences."""
    label = rng.choice(LABELS)
    sentences = [
        f"{label.product} is approved for {label.indication} in {label.population}.",
        f"{label.product} is approved only for {label.indication}.",
        f"The usual dose of {label.product} is {label.dose}.",
        f"{label.product} is a {label.form}.",
        f"Patients with {label.contraindication} must not take {label.product}.",
        f"The most common side effect of {label.product} is {label.reaction}.",
        f"Keep {label.product} {label.storage}.",
        f"{label.indication.capitalize()} is treated with {label.product}.",
        f"{world.COMPANY} makes {label.product} for {label.indication}.",
    ]
    return " ".join(rng.sample(sentences, rng.randint(2, 5)))


def label_questions(rng: Random) -> str:
    """Questions about labels with their answers."""
    lines: list[str] = []
    for _ in range(rng.randint(3, 6)):
        label = rng.choice(LABELS)
        name, value = rng.choice(list(_label_facts(label).items()))
        shape = rng.choice(("{p}: {n}? {v}", "What is the {n} of {p}? {v}", "The {n} of {p} is {v}."))
        lines.append(shape.format(p=label.product, n=name.lower(), v=value))
    return "\n".join(lines)


USES = (
    "Asked: {product} for {condition} in {population}.",
    "Use: {product}, {condition}, {population}.",
    "{condition_first} in {population} with {product}?",
    "{population_first} with {condition}, and {product}?",
    "A doctor asks about {product} for {population} with {condition}.",
    "We were asked about {condition} in {population} and {product}.",
    "May {population} with {condition} take {product}?",
    "{product} for {condition} in {population}?",
    "Is {product} a medicine for {condition} in {population}?",
    "{product} in {population}, for {condition}.",
)
"""How the company's files note a use that somebody asked about."""


def use_check(rng: Random) -> str:
    """Uses of products, each on the label or not. Off-label uses kept for later stages' tests are left out."""
    lines: list[str] = []
    for _ in range(rng.randint(2, 4)):
        label, condition, population = any_use(rng, "train")
        use = rng.choice(USES).format(
            product=label.product,
            condition=condition,
            population=population,
            condition_first=condition.capitalize(),
            population_first=population.capitalize(),
        )
        approved = f"{label.product} is approved for {label.indication} in {label.population}."
        verdict = "on" if label.covers(condition, population) else "off"
        lines.append(f"{use} {approved} The use is {verdict} the label.")
    return "\n".join(lines)


def any_use(rng: Random, split: world.Split) -> tuple[Label, str, str]:
    """A product and a use of it, on its label as often as off it.

    Uses off the label belong to the split. Those on it are knowledge, the same for all splits.
    """
    label = rng.choice(LABELS)
    if rng.random() < 0.5:
        return label, label.indication, rng.choice(label.populations)
    return label, *off_label_use(rng, label, split)


def off_label_use(rng: Random, label: Label, split: world.Split, near: float = 0.3) -> tuple[str, str]:
    """A condition and a population the label does not cover, whose combination belongs to the split.

    Args:
        near: share of near misses tried: the approved condition in another population.
    """

    def make() -> tuple[str, str]:
        while True:
            condition = label.indication if rng.random() < near else rng.choice(world.CONDITIONS)
            population = rng.choice(world.POPULATIONS)
            if not label.covers(condition, population):
                return condition, population

    return world.draw(rng, make, lambda use: (label.product, *use), split)


def dosing(rng: Random) -> str:
    """Daily doses worked out."""
    lines: list[str] = []
    for _ in range(rng.randint(3, 7)):
        dose, times = 5 * rng.randint(1, 20), rng.randint(1, 4)
        shape = rng.choice(
            (
                "{d} mg {t} a day is {s} mg a day.",
                "Taken {t} a day, {d} mg makes {s} mg a day.",
                "Dose {d} mg, {t} a day, total {s} mg.",
            )
        )
        lines.append(shape.format(d=dose, t=TIMES[times], s=dose * times))
    return "\n".join(lines)


def dates(rng: Random) -> str:
    """Days in words and in figures."""
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
    label_sheet: 4,
    label_prose: 8,
    label_questions: 9,
    use_check: 18,
    dosing: 7,
    dates: 7,
    graded_event: 5,
    email: 2,
}
"""How often each kind of document is drawn."""


def _record(rng: Random, facts: Facts) -> str:
    opening, one, between, closing = rng.choice(RECORDS)
    values = facts.as_dict()
    chosen = list(notes.FIELDS) if rng.random() < 0.4 else rng.sample(notes.FIELDS, rng.randint(2, 5))
    lines = [one.format(name=rng.choice(NAMES[field]), value=values[field]) for field in chosen]
    return f"{opening}{between.join(lines)}{closing}"


def _label_facts(label: Label) -> dict[str, str]:
    return {
        "Approved use": label.indication,
        "Approved for": label.population,
        "Usual dose": label.dose,
        "Form": label.form,
        "Contraindication": label.contraindication,
        "Common side effect": label.reaction,
        "Storage": label.storage,
    }


def _anything(rng: Random) -> str:
    """A clinic, a batch, a made-up word, a number, or a side effect."""
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
