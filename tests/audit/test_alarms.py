"""What is a fault on real prose, and what only looks like one: each check on the nearest of both."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from audits import Write, by_name, lines_of, look
from command_line import Posttrain
from planted import clean_row, sentence
from posttrain.audit.checks.answer_form import ENDINGS, FORMS, ending_of, form_of
from posttrain.audit.checks.arithmetic import wrong_equations
from posttrain.data.language import LANGUAGES, language_of

LONG = "The house by the river was sold in spring, and nobody has lived there since. "

ENDS = {
    "Our new clinic opens on Monday, so come and see it with your family! #health #clinic": "short",
    LONG + "Kind regards,\nAda Brook": "short",
    LONG + "You can read all of it at https://example.com/page": "short",
    LONG + "- apples\n- pears\n- plums": "short",
    LONG + "It was built by Ada Brook": "short",
    LONG + "Its walls are 3 by 12": "short",
    "Mercury, Venus, Earth, Mars, Jupiter, Saturn, Uranus, Neptune, and perhaps others": "short",
    LONG + "The neighbours keep the key and look after the gar": "open",
    LONG + "The neighbours keep the key.": "closed",
}


@pytest.mark.parametrize("answer", ENDS)
def test_only_a_later_sentence_needs_a_full_stop(answer: str) -> None:
    assert ENDINGS[ending_of(answer)] == ENDS[answer]


def test_an_answer_that_stops_within_a_word_is_unfinished_and_one_without_a_full_stop_is_not(write: Write) -> None:
    draw = random.Random(0)
    rows: list[dict[str, Any]] = [clean_row(draw, number) for number in range(200)]
    whole, cut = f"{sentence(draw)} {sentence(draw)}", "They walk beyond the golden lantern and the patient gard"
    rows[50]["output"] = whole.removesuffix(".")
    rows[51]["output"] = f"{whole} {cut}"
    found = by_name(look(write("train.jsonl", rows)))
    assert lines_of(found["unfinished"]) == [52]
    assert lines_of(found["no-full-stop"]) == [51]


SUMS = {
    "(1/2) 278 + 11 = 150": False,
    "12 x 1 and 1/4 = 15": False,
    "He left at 0900-0130 = 0730 hours.": False,
    "600 x 30 = 18 000 watts": False,
    "5 * 3 = $15,000, in thousands": False,
    "100 * 0.75 = $0.75": False,
    "192*100=$1920": True,
    "(2) 3 + 4 = 8": True,
    "as said (above) 3 + 4 = 8": True,
    "70 + 40 = 100 people": True,
    "94962 × 4694 = 5,129,000": True,
}


@pytest.mark.parametrize("text", SUMS)
def test_an_equation_is_wrong_only_if_all_of_it_was_read(text: str) -> None:
    assert bool(wrong_equations(text)) == SUMS[text]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("No pain, no gain.", "unknown"),
        ("Tell me whether Los Angeles Lakers and Los Angeles Dodgers play in Los Angeles, California", "English"),
        ("Ask Marco di Rossi or Maria da Silva.", "unknown"),
        ("She earns $7 per hour, so per day 56, per week 280, per year more.", "unknown"),
        ("O gato está na mesa e não come o peixe que um homem deixou.", "Portuguese"),
        ("Il gatto è sul tavolo e non mangia, come sempre di sera.", "Italian"),
        ("De man en het kind zijn niet in het huis, maar op het veld.", "Dutch"),
        ("Los niños no están en la casa y el perro come con su padre.", "Spanish"),
    ],
)
def test_a_foreign_name_does_not_change_the_language_of_a_text(text: str, language: str) -> None:
    assert LANGUAGES[language_of(text)] in {language, "unknown" if language == "English" else language}


@pytest.mark.parametrize(
    ("answer", "form"),
    [("12 (inches of snow)", "label"), ("12 inches of snow", "label"), ("mild", "label"), ("It was mild.", "prose")],
)
def test_a_quantity_with_a_remark_is_a_label(answer: str, form: str) -> None:
    assert FORMS[form_of(answer)[0]] == form


ANSWERS: dict[str, tuple[str, str, bool]] = {
    "<noinput>": ("placeholder-output", "Name a colour.", True),
    "<nooutput>": ("placeholder-output", "Name a colour.", True),
    "No output": ("placeholder-output", "Name a colour.", True),
    "<nooutput> - charts cannot be drawn": ("placeholder-output", "Draw a chart.", True),
    "Sleep well.\n16. Instruction: Name a city.\nInput: <noinput>\nOutput: Oslo": (
        "placeholder-output",
        "A tip?",
        True,
    ),
    "Instruction: name three words\nInput: Halloween\n\nOutput: eerie": ("placeholder-output", "Make a task.", False),
    'Saved as "Lorem ipsum dolor sit amet.docx"': ("placeholder-output", "Save: Lorem ipsum dolor sit amet", False),
    "As an AI, I have no house.": ("boilerplate", "Describe your house.", True),
    "As an AI, I watch the stars alone.": ("boilerplate", "Imagine you are an AI on a ship. What do you see?", False),
    "I am an AI without a body.": ("boilerplate", "Are you an AI or a person?", False),
    "I am an AI, made to help.": ("boilerplate", "Who are you?", False),
    "Thank you for the offer, and for the talk we had last week.\n\nSincerely,": (
        "truncated",
        "Write a letter.",
        False,
    ),
    "Thank you for the offer, and for the talk we had last week, which was": ("truncated", "Write a letter.", True),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_the_nearest_fault_is_reported_and_the_nearest_right_row_is_not(answer: str, write: Write) -> None:
    name, prompt, fault = ANSWERS[answer]
    found = by_name(look(write("train.jsonl", [{"instruction": prompt, "input": "", "output": answer}])))
    assert (name in found) == fault
    assert name not in found or found[name].safe is None


def test_the_same_words_are_placeholders_in_an_input_and_in_an_answer(write: Write) -> None:
    words = ["<noinput>", "No output", "N/A", "null", "undefined", "TODO", "TBD", "not applicable", "[object Object]"]
    rows = [{"instruction": f"Task {n}", "input": word, "output": "A."} for n, word in enumerate(words)]
    assert len(lines_of(by_name(look(write("inputs.jsonl", rows)))["placeholder-input"])) == len(words)
    rows = [{"instruction": f"Task {n}", "input": "", "output": word} for n, word in enumerate(words)]
    assert len(lines_of(by_name(look(write("outputs.jsonl", rows)))["placeholder-output"])) == len(words)


def test_labels_that_do_not_follow_from_the_words_get_no_finding(write: Write) -> None:
    pytest.importorskip("cleanlab")
    draw = random.Random(0)
    rows = [
        {"prompt": f"Which is better? A: {sentence(draw)} B: {sentence(draw)}", "completion": draw.choice("AB")}
        for _ in range(300)
    ]
    assert "label-noise" not in by_name(look(write("verdicts.jsonl", rows)))


def test_a_file_of_unknown_columns_has_no_figures_of_its_tasks(write: Write) -> None:
    rows = [{"left": f"Write to person {n} about it", "right": f"id-{n}", "third": f"Name {n}"} for n in range(100)]
    report = look(write("strange.jsonl", rows))
    assert "breadth" not in report.figures
    assert {one.name for one in report.findings} <= {"unknown-columns", "near-duplicate"}


def test_a_stock_phrase_of_all_rows_is_no_leak(write: Write) -> None:
    phrase = "So let us talk a little bit about my assessment and plan for you today."
    draw = random.Random(0)

    def visits(count: int, first: int) -> list[dict[str, str]]:
        texts = [" ".join(sentence(draw) for _ in range(4)) for _ in range(count)]
        return [
            {"prompt": f"Visit {first + n}: {text} {phrase}", "completion": "Rest."} for n, text in enumerate(texts)
        ]

    train, held = visits(60, 0), visits(3, 100)
    train[5]["prompt"] += " " + " ".join(held[1]["prompt"].split()[3:28])
    found = by_name(look(write("train.jsonl", train), against=[write("held.jsonl", held)]))
    assert lines_of(found["leakage-13-gram"]) == [6]
    assert found["leakage-13-gram"].severity == "block"
    assert found["leakage-phrase"].severity == "info"
    assert found["leakage-phrase"].count == 59


def test_a_text_file_of_one_row_is_named(tmp_path: Path) -> None:
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text("A first line.\n\nA second line.\n")
    two.write_text("A first text.\n<|endoftext|>\nA second text.\n")
    assert lines_of(by_name(look(one))["one-row-files"]) == [1]
    assert "one-row-files" not in by_name(look(two))


def test_an_audit_never_replaces_that_of_other_files(
    write: Write, tmp_path: Path, posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write(f"{folder}/train.jsonl", [{"prompt": folder, "completion": "Yes, of course."}])
    for path in ("one/train.jsonl", "two/train.jsonl", "one/train.jsonl"):
        assert posttrain("audit", path).code == 0
    found = {p.parent.name: json.loads(p.read_text())["files"] for p in Path("audit").glob("*/findings.json")}
    assert {name: [*files] for name, files in found.items()} == {
        "train.jsonl": ["one/train.jsonl"],
        "train.jsonl-2": ["two/train.jsonl"],
    }
