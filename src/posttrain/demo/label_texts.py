"""Raw text on labels for pre-training: label sheets, prose, questions, checks of uses, and daily doses."""

from random import Random

from posttrain.demo import world
from posttrain.demo.uses import any_use
from posttrain.demo.world import LABELS, TIMES, Label


def label_sheet(rng: Random) -> str:
    """A label as a list of its facts, in random order."""
    label = rng.choice(LABELS)
    lines = [f"{name}: {value}" for name, value in _label_facts(label).items()]
    rng.shuffle(lines)
    return "\n".join([f"{label.product} label", *lines])


def label_prose(rng: Random) -> str:
    """Sentences on a label."""
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
"""Notes in the company's files on a requested use."""


def use_check(rng: Random) -> str:
    """Uses of products, each with whether it is on the label. The off-label uses are those of the split train."""
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


def dosing(rng: Random) -> str:
    """Computations of daily doses."""
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
