"""What only a whole set shows: each bias is called where it is, and not called where it is not."""

import random
from typing import Any

import pytest

from audits import Write, by_name, look
from planted import NOUNS, clean_row, sentence

Rows = list[dict[str, Any]]


def said(draw: random.Random, sentences: int) -> str:
    return " ".join(sentence(draw) for _ in range(sentences))


def pairs(draw: random.Random, *, longer: float = 0.5, prompts: int = 400) -> Rows:
    asked = [clean_row(draw, number)["instruction"] for number in range(prompts)]
    found: Rows = []
    for number in range(400):
        short, long = said(draw, 2), said(draw, 4)
        better, worse = (long, short) if draw.random() < longer else (short, long)
        found.append({"prompt": asked[number % prompts], "chosen": better, "rejected": worse})
    return found


def rankings(draw: random.Random, first: dict[str, float]) -> Rows:
    found: Rows = []
    for number, (name, share) in enumerate([*first.items()] * 150):
        order = draw.sample("ab", 2)
        best = 1 if draw.random() < share else 2
        found.append(
            {
                "prompt": clean_row(draw, number)["instruction"],
                "candidates": [{"id": c, "text": said(draw, 3)} for c in "ab"],
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


BIASED = {
    "length-bias": lambda draw: pairs(draw, longer=0.9),
    "few-prompts-dominate": lambda draw: pairs(draw, prompts=6),
    "position-bias": lambda draw: rankings(draw, {"ann": 0.7, "bob": 0.7}),
    "annotator-position-bias": lambda draw: rankings(draw, {"ann": 0.85, "bob": 0.5, "cem": 0.5}),
    "dominating-task": lambda draw: asks(draw, one=0.6),
}
FAIR = {
    "pairs": lambda draw: pairs(draw),
    "rankings": lambda draw: rankings(draw, {"ann": 0.5, "bob": 0.5}),
    "asks": lambda draw: asks(draw),
}


@pytest.mark.parametrize("name", BIASED)
def test_a_bias_is_called(name: str, write: Write) -> None:
    assert name in by_name(look(write("train.jsonl", BIASED[name](random.Random(0)))))


@pytest.mark.parametrize("name", FAIR)
@pytest.mark.parametrize("seed", range(3))
def test_a_fair_set_is_not_called_biased(name: str, seed: int, write: Write) -> None:
    assert not by_name(look(write("train.jsonl", FAIR[name](random.Random(seed))))).keys() & BIASED.keys()


def test_the_annotator_who_favours_a_side_is_named(write: Write) -> None:
    report = look(write("train.jsonl", BIASED["annotator-position-bias"](random.Random(0))))
    found = by_name(report)["annotator-position-bias"]
    assert found.count == 1
    assert "ann (8" in found.what
    assert "bob" not in found.what
    assert report.figures["first_preferred_by"].keys() == {"ann", "bob", "cem"}
