"""Clean generated sets with planted faults: instructions, records, pairs, rankings, and rows of evaluation data."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audits import by_name, lines_of, look
from planted import KINDS, NOUNS, clean_row, planted, sentence

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PlantedSet:
    """Lines of a file, the lines at which each finding should be made, and evaluation rows, if any."""

    text: str
    lines: Mapping[str, set[int]]
    held: Sequence[Row] = field(default_factory=list[Row])


def _set(rows: Sequence[Row | str], lines: Mapping[str, set[int]], held: Sequence[Row] = ()) -> PlantedSet:
    text = "".join((row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n" for row in rows)
    return PlantedSet(text, lines, held)


def instructions(rows: int, faults: int, seed: int) -> PlantedSet:
    """Instructions with answers of a few sentences."""
    made = planted(rows, faults, seed)
    return _set(made.rows, made.lines)


def _spread(rows: int, faults: int, kinds: Sequence[str], draw: random.Random) -> list[tuple[int, str]]:
    """(row, fault) spread evenly over the kinds."""
    return [(at, kinds[n % len(kinds)]) for n, at in enumerate(draw.sample(range(rows), faults))]


def _answer(draw: random.Random) -> str:
    return " ".join(sentence(draw) for _ in range(draw.randint(2, 4)))


def _long(draw: random.Random) -> str:
    return " ".join(sentence(draw) for _ in range(draw.randint(20, 40)))


RECORDS: Mapping[str, Callable[[Row, random.Random], Row | str]] = {
    "broken-json": lambda row, draw: (
        row | {"completion": row["completion"][: -draw.randint(1, 4)] + draw.choice(" ,]")}
    ),
    "inconsistent-form": lambda row, draw: (
        row | {"completion": draw.choice([sentence(draw), row["completion"].replace('"thing"', '"things"')])}
    ),
    "length-outlier": lambda row, draw: (
        row | {"completion": json.dumps(json.loads(row["completion"]) | {"thing": _long(draw)})}
    ),
    "empty-prompt": lambda row, draw: row | {"prompt": draw.choice(["", " ", "\n\n"])},
    "odd-row": lambda row, draw: draw.choice(
        [row | {"prompt": 7}, {"prompt": row["prompt"]}, row | {"completion": ["a"]}, row | {"prompt": None}]
    ),
    "unreadable-row": lambda row, draw: draw.choice(
        [json.dumps(row)[:-5], "not a row", "[1, 2]", json.dumps(row).replace(': "', ': NaN, "x": "', 1), "{}}"]
    ),
}


def records(rows: int, faults: int, seed: int) -> PlantedSet:
    """Notes that become JSON."""
    draw = random.Random(seed)
    made: list[Row | str] = [
        {
            "prompt": f"Put this note into a record. {sentence(draw)} It was written on page {number}.",
            "completion": json.dumps({"kind": draw.choice(KINDS), "thing": draw.choice(NOUNS), "page": number}),
        }
        for number in range(rows)
    ]
    lines: dict[str, set[int]] = {name: set() for name in RECORDS}
    for at, name in _spread(rows, faults, [*RECORDS], draw):
        row = made[at]
        assert isinstance(row, dict)
        made[at] = RECORDS[name](row, draw)
        lines[name].add(at + 1)
    return _set(made, lines)


PAIRS = (
    "identical-sides",
    "near-identical-sides",
    "empty-side",
    "differing-prompts",
    "reversed-preference",
    "preference-cycle",
)


def pairs(rows: int, faults: int, seed: int) -> PlantedSet:
    """Transcripts of which one is preferred."""
    draw = random.Random(seed)
    prompts = [f"\n\nHuman: {clean_row(draw, number)['instruction']}\n\nAssistant:" for number in range(rows)]
    made = [{"chosen": f"{ask} {_answer(draw)}", "rejected": f"{ask} {_answer(draw)}"} for ask in prompts]
    lines: dict[str, set[int]] = {name: set() for name in PAIRS}
    spare = draw.sample(range(rows // 2), rows // 2)  # rows that only a later pair makes faulty
    for offset, name in _spread(rows // 2, faults, PAIRS, draw):
        at, row = rows // 2 + offset, made[rows // 2 + offset]
        if name == "identical-sides":
            row["rejected"] = row["chosen"]
        elif name == "near-identical-sides":
            row["rejected"] = row["chosen"].removesuffix(".") + draw.choice(["!", "", " ."])
            row["rejected"] = row["rejected"].replace("The ", "the ", 1)
        elif name == "empty-side":
            row["rejected"] = prompts[at]
        elif name == "differing-prompts":
            row["rejected"] = row["rejected"].replace("Think of", "Do not think of")
        elif name == "reversed-preference":
            earlier = made[spare.pop()]
            made[at] = {"chosen": earlier["rejected"], "rejected": earlier["chosen"]}
        else:
            first, second = spare.pop(), spare.pop()
            a, b, c = (f"{prompts[first]} {_answer(draw)}" for _ in range(3))
            for place, (better, worse) in zip((first, second, at), ((a, b), (b, c), (c, a)), strict=True):
                made[place] = {"chosen": better, "rejected": worse}
                lines[name].add(place + 1)
        lines[name].add(at + 1)
    return _set(made, lines)


def rankings(rows: int, faults: int, seed: int) -> PlantedSet:
    """Two candidates of each prompt, ranked."""
    draw = random.Random(seed)

    def row(prompt: str, texts: Sequence[str], ranks: Sequence[int]) -> Row:
        candidates = [{"id": name, "text": text} for name, text in zip("ab", texts, strict=True)]
        return {"prompt": prompt, "candidates": candidates, "ranks": dict(zip("ab", ranks, strict=True))}

    pairs = [(clean_row(draw, n)["instruction"], [_answer(draw), _answer(draw)]) for n in range(rows)]
    orders = [draw.choice([(1, 2), (2, 1)]) for _ in range(rows)]
    made = [row(*one, order) for one, order in zip(pairs, orders, strict=True)]
    kinds = ("all-tied", "swapped-pair")
    lines: dict[str, set[int]] = {name: set() for name in kinds}
    spare = draw.sample(range(rows // 2), rows // 2)
    for offset, name in _spread(rows // 2, faults, kinds, draw):
        at = rows // 2 + offset
        if name == "all-tied":
            made[at] = row(*pairs[at], (1, 1))
        else:
            earlier = spare.pop()
            prompt, texts = pairs[earlier]
            made[at] = row(prompt, texts[::-1], orders[earlier][::-1])
        lines[name].add(at + 1)
    return _set(made, lines)


def leaks(rows: int, faults: int, seed: int) -> PlantedSet:
    """Instructions, some of which stand in the evaluation data."""
    draw = random.Random(seed)
    made = [clean_row(draw, number) for number in range(rows)]
    held = [
        {"prompt": f"{clean_row(draw, rows + number)['instruction']} {_answer(draw)} What follows?"}
        for number in range(faults)
    ]
    kinds = ("leakage-exact", "leakage-near-duplicate", "leakage-13-gram")
    lines: dict[str, set[int]] = {name: set() for name in kinds}
    for number, (at, name) in enumerate(_spread(rows, faults, kinds, draw)):
        words = held[number]["prompt"].split(" ")
        if name == "leakage-exact":
            made[at]["instruction"] = " ".join(words)
        elif name == "leakage-near-duplicate":
            words[draw.randrange(4, len(words) // 2)] = "quiet"
            made[at]["instruction"] = " ".join(words)
        else:
            start = draw.randrange(0, len(words) - 16)
            made[at]["instruction"] += f" As it is pairs: {' '.join(words[start : start + 16])}"
        lines[name].add(at + 1)
    return _set(made, lines, held)


SETS: Mapping[str, tuple[Callable[[int, int, int], PlantedSet], int, int]] = {
    "instructions": (instructions, 6000, 500),
    "records": (records, 2000, 150),
    "pairs": (pairs, 3000, 200),
    "rankings": (rankings, 1000, 60),
    "leaks": (leaks, 2000, 90),
}
"""Set → its generator, rows and faults: a thousand faults in all."""


@dataclass(frozen=True, slots=True)
class Measured:
    """How well one kind of fault is found; examples of what was missed, and of what was found besides."""

    name: str
    planted: int
    recall: float
    precision: float
    missed: Sequence[int]
    besides: Sequence[int]


def measured(name: str, seed: int, folder: Path) -> list[Measured]:
    """Plant a set's faults into a file of a folder, audit it, and compare."""
    make, rows, faults = SETS[name]
    made = make(rows, faults, seed)
    path, held = folder / "train.jsonl", folder / "held.jsonl"
    path.write_text(made.text, encoding="utf-8")
    held.write_text("".join(json.dumps(row) + "\n" for row in made.held), encoding="utf-8")
    found = by_name(look(path, against=[held] if made.held else []))
    results: list[Measured] = []
    for kind, should in made.lines.items():
        did = set(lines_of(found.get(kind)))
        hits = len(should & did)
        missed, besides = sorted(should - did)[:5], sorted(did - should)[:5]
        results.append(Measured(kind, len(should), hits / len(should), hits / max(1, len(did)), missed, besides))
    return results
