"""A clean generated set of instructions, and faults planted in it, each at a known line."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Row = dict[str, str]


def _words(text: str) -> list[str]:
    return text.split()


NOUNS = _words(
    """river garden engine library harvest bridge kettle lantern market orchard pebble quarry saddle tunnel valley
    window anchor basket candle desert feather glacier hammer island jacket ladder meadow needle oyster pillow
    ribbon shadow temple umbrella violin wagon barrel copper dragon ember forest goblet helmet ivory jungle
    kitchen lagoon marble nectar olive palace quilt raven silver thicket urchin velvet willow yarn zephyr acorn
    beacon cavern dagger"""
)
_VERBS = _words(
    """carries covers follows guards holds joins keeps lifts marks offers paints reaches shelters touches warms
    answers borrows crosses divides enters finds gathers hides invites kindles leaves measures notices opens
    polishes repairs"""
)
KINDS = _words(
    """old quiet bright narrow gentle heavy distant golden hollow patient rough silent steep wild broad calm"""
)
_ASKS = (
    "Describe the {0} {1} beside the {2}.",
    "Explain why the {1} {3} the {0} {2}.",
    "Write a short note about a {0} {1} and its {2}.",
    "Compare the {1} with the {0} {2}.",
    "Summarize what travellers say about the {0} {1} near the {2}.",
    "Suggest a name for the {0} {1} that {3} the {2}.",
)


def sentence(draw: random.Random) -> str:
    """Subject, verb, object, place: some ten words."""
    words = [draw.choice(some) for some in (KINDS, NOUNS, _VERBS, KINDS, NOUNS, KINDS, NOUNS)]
    return "The {} {} {} the {} {} beyond the {} {}.".format(*words)


def clean_row(draw: random.Random, number: int) -> Row:
    """An instruction and an answer of a few sentences; no two rows ask the same."""
    ask = draw.choice(_ASKS).format(draw.choice(KINDS), draw.choice(NOUNS), draw.choice(NOUNS), draw.choice(_VERBS))
    instruction = f"{ask} Think of house {number} on the {draw.choice(KINDS)} road."
    answer = " ".join(sentence(draw) for _ in range(draw.randint(3, 6)))
    return {"instruction": instruction, "input": "", "output": answer}


def _wrong_sum(draw: random.Random) -> str:
    a, b, sign = draw.randint(2, 90), draw.randint(2, 90), draw.choice("+-*")
    right = {"+": a + b, "-": a - b, "*": a * b}[sign]
    return f"{a} {sign} {b} = {right + draw.choice([-7, -2, 1, 3, 10])}"


def _misread(text: str, draw: random.Random) -> str:
    mark = draw.choice(["é", "ü", "’", "–", "ñ", "”", "ö"])
    return text.replace(" the ", f" th{mark} ", 1).replace(
        f"th{mark}", "th" + mark.encode().decode("cp1252", "replace")
    )


def _email(draw: random.Random) -> str:
    name, family, host = (draw.choice(NOUNS) for _ in range(3))
    return f"{name}.{family}@{host}{draw.choice(['.org', '.co.uk', '-mail.com'])}"


def _phone(draw: random.Random) -> str:
    area, end = draw.randint(212, 498), draw.randint(2000, 9899)
    middle = draw.randint(220, 499)
    shapes = (f"({area}) {middle}-{end}", f"{area}-{middle}-{end}", f"+49 {area} {middle}{end}", f"+44 20 {area}{end}")
    return draw.choice(shapes)


def _secret(draw: random.Random) -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    token = "".join(draw.choice(letters) for _ in range(36))
    return draw.choice(
        [f"AKIA{token[:16]}", f"ghp_{token}", f"sk-{token}", f"hf_{token}", "-----BEGIN RSA PRIVATE KEY-----"]
    )


def _insert(text: str, words: str, draw: random.Random) -> str:
    parts = text.split(" ")
    at = draw.randint(1, len(parts) - 1)
    return " ".join([*parts[:at], words, *parts[at:]])


def _near(row: Row, draw: random.Random) -> Row:
    """The answer with two words exchanged: the same to a reader."""
    words = row["output"].split(" ")
    for _ in range(2):
        words[draw.randrange(2, len(words) - 2)] = draw.choice(KINDS)
    return row | {"output": " ".join(words)}


def _with_output(template: Callable[[Row, random.Random], str]) -> Callable[[Row, random.Random], Row]:
    return lambda row, draw: row | {"output": template(row, draw)}


def _german(draw: random.Random) -> Row:
    one, two, three, four = (draw.choice(NOUNS).capitalize() for _ in range(4))
    instruction = f"Beschreibe mir das {one} und auch, wie es neben dem {two} steht."
    answer = f"Das {three} ist nicht weit von dem {four}, und es wird auch so sein, wie die Leute sagen."
    return {"instruction": instruction, "input": "", "output": answer}


_PLACEHOLDERS = ("<noinput>", "No input", "N/A", "none", "No input required.", "noinput", "[no input]", "null")
_UNFILLED = ("TODO", "[Insert answer here]", "<output>", "TBD", "Lorem ipsum dolor sit amet, consectetur.", "xxx")
_BREAKS = (" and the", " because", ",", " with a", " which is", " (")
_ROBOT = (
    "As an AI language model, I do not walk there. ",
    "I am an artificial intelligence without eyes. ",
    "I'm just an AI, so take this with care. ",
    "My knowledge cutoff does not reach that far. ",
)
_PAGES = ("<p>", "\nPage 12 of 80\n", "&nbsp;&nbsp;", "<br>", "\n- 41 -\n", "<div class='text'>", "</td><td>")
_UNSEEN = (
    "Describe the image below and the mood of its colours.",
    "What is the weather today near the harbour?",
    "Summarize https://news.nowhere.org/2024/05/harbour.html for me.",
    "Transcribe the attached audio of the captain.",
    "What time is it on the island?",
)

PLANTS: Mapping[str, Callable[[Row, random.Random], Row]] = {
    "empty-output": _with_output(lambda row, draw: draw.choice(["", "  ", "\n"])),
    "placeholder-input": lambda row, draw: row | {"input": draw.choice(_PLACEHOLDERS)},
    "placeholder-output": _with_output(lambda row, draw: draw.choice(_UNFILLED)),
    "truncated": _with_output(lambda row, draw: row["output"].rstrip(".") + draw.choice(_BREAKS)),
    "unfinished": _with_output(lambda row, draw: row["output"][: -draw.randint(2, 5)]),
    "echo": _with_output(lambda row, draw: row["instruction"]),
    "encoding-damage": _with_output(lambda row, draw: _misread(row["output"], draw)),
    "layout-residue": _with_output(lambda row, draw: _insert(row["output"], draw.choice(_PAGES), draw)),
    "boilerplate": _with_output(lambda row, draw: draw.choice(_ROBOT) + row["output"]),
    "impossible-request": lambda row, draw: row | {"instruction": f"{draw.choice(_UNSEEN)} {row['instruction']}"},
    "wrong-arithmetic": _with_output(lambda row, draw: f"{row['output']} Counted together, {_wrong_sum(draw)}."),
    "personal-data": _with_output(lambda row, draw: _insert(row["output"], draw.choice([_email, _phone])(draw), draw)),
    "secret": _with_output(lambda row, draw: _insert(row["output"], _secret(draw), draw)),
    "exact-duplicate": lambda row, draw: dict(row),
    "normalised-duplicate": _with_output(lambda row, draw: row["output"].upper().replace(".", " !")),
    "near-duplicate": _near,
    "contradictory-answers": lambda row, draw: row,
    "other-language": lambda row, draw: _german(draw),
}
"""Finding → a row with that fault, made of a clean one. Duplicates repeat an earlier row."""

_OF_EARLIER = frozenset({"exact-duplicate", "normalised-duplicate", "near-duplicate"})


@dataclass(frozen=True, slots=True)
class Planted:
    """Rows, and the lines at which each finding should be made."""

    rows: list[Row]
    lines: dict[str, set[int]] = field(default_factory=dict[str, set[int]])


def planted(rows: int, faults: int, seed: int) -> Planted:
    """A set of so many rows, with so many faults of all kinds spread evenly over the kinds, at random lines."""
    draw = random.Random(seed)
    made = [clean_row(draw, number) for number in range(rows)]
    lines: dict[str, set[int]] = {name: set() for name in PLANTS}
    half = rows // 2
    targets = draw.sample(range(half, rows), faults)
    sources = draw.sample(range(half), half)
    for number, at in enumerate(targets):
        name = list(PLANTS)[number % len(PLANTS)]
        if name == "contradictory-answers":
            earlier = sources.pop()
            question = f"Which number is painted on house {earlier} by the {draw.choice(NOUNS)}?"
            made[earlier] = {"instruction": question, "input": "", "output": f"{draw.randint(1, 40)}"}
            made[at] = {"instruction": question, "input": "", "output": f"{draw.randint(41, 80)}"}
        else:
            made[at] = PLANTS[name](made[sources.pop()] if name in _OF_EARLIER else made[at], draw)
        lines[name].add(at + 1)
    return Planted(made, lines)
