"""Answers that are labels: which tasks have them, how even they are, and which look wrong."""

import random

import pytest

from audits import Write, by_name, lines_of, look

WORDS = {
    "positive": "lovely calm bright kind warm helpful splendid gentle",
    "negative": "broken rude cold slow awful noisy dirty late",
}


def rows(count: int, draw: random.Random, share: float = 0.5) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for number in range(count):
        label = "positive" if draw.random() < share else "negative"
        words = " and ".join(draw.sample(WORDS[label].split(), 3))
        found.append({"prompt": f"Review {number}: the room was {words}. Which label?", "completion": label})
    return found


def test_flipped_labels_are_found(write: Write) -> None:
    pytest.importorskip("cleanlab")
    draw = random.Random(0)
    some = rows(600, draw)
    flipped = set(draw.sample(range(600), 40))
    for i in flipped:
        some[i]["completion"] = "negative" if some[i]["completion"] == "positive" else "positive"
    found = by_name(look(write("train.jsonl", some)))["label-noise"]
    did = {line - 1 for line in lines_of(found)}
    assert len(did & flipped) >= 0.95 * len(flipped)
    assert len(did & flipped) >= 0.95 * len(did)
    first = some[lines_of(found)[0] - 1]
    assert found.examples[0].text.startswith(f"labelled “{first['completion']}”")


def test_right_labels_are_left_alone_and_counted(write: Write) -> None:
    report = look(write("train.jsonl", rows(400, random.Random(1))))
    assert "label-noise" not in by_name(report)
    assert "class-imbalance" not in by_name(report)
    assert sum(report.figures["labels"]["all rows"].values()) == 400


def test_one_label_for_nearly_all_answers_is_reported(write: Write) -> None:
    found = by_name(look(write("train.jsonl", rows(400, random.Random(2), share=0.9))))
    assert "“positive”" in found["class-imbalance"].what


def test_answers_in_sentences_are_not_labels(write: Write) -> None:
    some = [row | {"completion": f"It was {row['completion']}, all told."} for row in rows(100, random.Random(3))]
    assert "labels" not in look(write("train.jsonl", some)).figures


def test_an_unusual_spelling_of_a_label_is_reported(write: Write) -> None:
    some = rows(300, random.Random(4))
    for i, spelling in ((7, "{}."), (90, " {}"), (200, "{}")):
        some[i]["completion"] = spelling.format(some[i]["completion"].capitalize())
    found = by_name(look(write("train.jsonl", some)))
    assert lines_of(found["label-spelling"]) == [8, 91, 201]
    assert "mostly" in found["label-spelling"].examples[0].text
    assert sum(look(write("train.jsonl", some)).figures["labels"]["all rows"].values()) == 300
