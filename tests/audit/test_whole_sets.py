"""What only a whole set shows: each bias is called where it is, and not called where it is not."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from audits import Write, by_name, lines_of, look
from planted import NOUNS, clean_row, sentence

Rows = list[dict[str, Any]]


def answer_of(draw: random.Random, sentences: int) -> str:
    return " ".join(sentence(draw) for _ in range(sentences))


def pairs(draw: random.Random, *, longer: float = 0.5, prompts: int = 400) -> Rows:
    questions = [clean_row(draw, number)["instruction"] for number in range(prompts)]
    found: Rows = []
    for number in range(400):
        short, long = answer_of(draw, 2), answer_of(draw, 4)
        better, worse = (long, short) if draw.random() < longer else (short, long)
        found.append({"prompt": questions[number % prompts], "chosen": better, "rejected": worse})
    return found


def rankings(draw: random.Random, first: dict[str, float]) -> Rows:
    found: Rows = []
    for number, (name, share) in enumerate([*first.items()] * 150):
        order = draw.sample("ab", 2)
        best = 1 if draw.random() < share else 2
        found.append(
            {
                "prompt": clean_row(draw, number)["instruction"],
                "candidates": [{"id": c, "text": answer_of(draw, 3)} for c in "ab"],
                "ranks": {order[0]: best, order[1]: 3 - best},
                "annotator": name,
                "shown_order": order,
            }
        )
    return found


def asks(draw: random.Random, *, one: float = 0.0) -> Rows:
    made = [clean_row(draw, number) for number in range(400)]
    for number, row in enumerate(made):
        if draw.random() < one:
            row["instruction"] = f"Summarize the report about the {draw.choice(NOUNS)} of house {number}."
    return [*made]


def tasks(draw: random.Random, ways: list[str]) -> Rows:
    return [
        {"prompt": f"{draw.choice(ways)} {sentence(draw)} Page {n}.", "completion": answer_of(draw, 1), "task": "notes"}
        for n in range(200)
    ]


def wordings(draw: random.Random, levels: list[str]) -> Rows:
    return [{"prompt": f"{draw.choice(levels)} ({n})", "completion": answer_of(draw, 1)} for n in range(200)]


WAYS = ["Put this note into a record.", "Summarize what was written:", "Turn these words into JSON.", "Extract it all."]
LEVELS = [
    "Name a cat.",
    "Describe a garden near the river and name two of the plants in it.",
    "Characterise the epistemological implications of contemporary methodological considerations in pharmacovigilance.",
]

Make = Callable[[random.Random], Rows]

SETS: dict[str, tuple[Make, Make]] = {
    "length-bias": (lambda draw: pairs(draw, longer=0.9), pairs),
    "few-prompts-dominate": (lambda draw: pairs(draw, prompts=6), pairs),
    "position-bias": (
        lambda draw: rankings(draw, {"ann": 0.7, "bob": 0.7}),
        lambda draw: rankings(draw, {"ann": 0.5, "bob": 0.5}),
    ),
    "annotator-position-bias": (
        lambda draw: rankings(draw, {"ann": 0.85, "bob": 0.5, "cem": 0.5}),
        lambda draw: rankings(draw, {"ann": 0.5, "bob": 0.5, "cem": 0.5}),
    ),
    "dominating-task": (lambda draw: asks(draw, one=0.6), asks),
    "one-phrasing": (lambda draw: tasks(draw, WAYS[:1]), lambda draw: tasks(draw, WAYS)),
    "even-difficulty": (lambda draw: wordings(draw, LEVELS[:1]), lambda draw: wordings(draw, LEVELS)),
}
"""Finding → a set with it, and one without."""


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("seed", range(2))
def test_only_a_real_bias_is_reported(name: str, seed: int, write: Write) -> None:
    biased, fair = SETS[name]
    assert name in by_name(look(write("biased.jsonl", biased(random.Random(seed)))))
    assert name not in by_name(look(write("fair.jsonl", fair(random.Random(seed)))))


def test_the_annotator_who_favours_a_side_is_named(write: Write) -> None:
    report = look(write("train.jsonl", SETS["annotator-position-bias"][0](random.Random(0))))
    found = by_name(report)["annotator-position-bias"]
    assert found.count == 1
    assert "ann (8" in found.what
    assert "bob" not in found.what
    assert report.figures["first_preferred_by"].keys() == {"ann", "bob", "cem"}


def test_a_prompt_in_both_parts_of_a_split_is_leakage(write: Write) -> None:
    draw = random.Random(0)
    train, held = pairs(draw), pairs(draw)[:50]
    for row, other in zip(held[:7], train[20:], strict=False):
        row["prompt"] = other["prompt"]  # with other answers
    found = by_name(look(write("train.jsonl", train), against=[write("held.jsonl", held)]))
    assert lines_of(found["leakage-exact"]) == [*range(21, 28)]
    assert found["leakage-exact"].severity == "block"
