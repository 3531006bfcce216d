"""The advice on published forms of code, maths and label sets, on constant answers, and on unknown columns."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from advising import LAPTOP, prompts, replies, strange, things, write
from command_line import Posttrain
from posttrain.advise.advice import Advice, advise
from posttrain.advise.answers import Answers
from posttrain.console import Screen
from posttrain.errors import InputError

Row = dict[str, Any]


def advise_laptop(paths: Sequence[str], folder: Path, ask: Callable[[str], str] | None = None) -> Advice:
    return advise(
        paths, Answers(), model="some/base-0.1B", folder=folder, screen=Screen(quiet=True), machine=LAPTOP, ask=ask
    )


def rows_of(make: Callable[[int], Row]) -> list[Row]:
    return [make(n) for n in range(120)]


def _formula(n: int) -> str:
    return (f"{n}", f"\\frac{{{n + 1}}}{{7}}", f"x^2 + {n}", f"\\sqrt{{{n + 2}}}", f"({n}, {n + 1})")[n % 5]


CHECKED: Mapping[str, tuple[list[Row], tuple[str, ...], Row]] = {
    "text, code and a list of asserts": (
        rows_of(
            lambda n: {
                "text": f"Write a function that adds {n}.",
                "code": f"def add(x):\n    return x + {n}",
                "test_list": [f"assert add(1) == {n + 1}"],
                "test_setup_code": "",
                "task_id": n,
            }
        ),
        ("SFT", "GRPO"),
        {"kind": "code", "tests": "test_list", "setup": "test_setup_code"},
    ),
    "a function to go on with, and a suite": (
        rows_of(
            lambda n: {
                "task_id": f"set/{n}",
                "prompt": f'def add(x):\n    """Add {n}."""\n',
                "entry_point": "add",
                "canonical_solution": f"    return x + {n}\n",
                "test": f"def check(candidate):\n    assert candidate(1) == {n + 1}\n",
            }
        ),
        ("SFT", "GRPO"),
        {"kind": "code", "tests": "test", "entry_point": "entry_point", "prompt": "prompt"},
    ),
    "a question, and inputs with outputs": (
        rows_of(
            lambda n: {
                "question": f"Read a number and print it plus {n}.",
                "solutions": json.dumps([f"print(int(input()) + {n})"]),
                "input_output": json.dumps({"inputs": ["1\n"], "outputs": [f"{n + 1}\n"]}),
                "difficulty": "interview",
            }
        ),
        ("GRPO",),
        {"kind": "code", "tests": "input_output"},
    ),
    "boxed numbers and formulas": (
        rows_of(lambda n: {"problem": f"What is problem {n}?", "solution": f"It is $\\boxed{{{_formula(n)}}}$."}),
        ("SFT", "GRPO"),
        {"kind": "math", "target": "solution"},
    ),
    "numbers after ####": (
        rows_of(lambda n: {"question": f"What is {n} + 1?", "answer": f"One more than {n} is {n + 1}.\n#### {n + 1}"}),
        ("SFT", "GRPO"),
        {"kind": "math", "target": "answer"},
    ),
    "labels beside a text": (
        rows_of(lambda n: {"text": f"The room {n} was fine, I think.", "label": ("good", "bad")[n % 2]}),
        ("SFT", "GRPO"),
        {"kind": "match", "target": "label", "how": "label"},
    ),
    "labels as numbers": (
        rows_of(lambda n: {"text": f"The room {n} was fine, I think.", "label": n % 2}),
        ("GRPO",),
        {"kind": "match", "target": "label", "how": "label"},
    ),
}


@pytest.mark.parametrize("name", CHECKED)
def test_the_reward_that_a_published_form_is_made_for(name: str, tmp_path: Path) -> None:
    rows, stack, spec = CHECKED[name]
    advice = advise_laptop(write(tmp_path, {"rows.jsonl": rows}), tmp_path)
    check = advice.profile.files[0].check
    assert check is not None
    assert spec.items() <= dict(check.spec).items()
    assert check.share == 1.0
    assert advice.stack == stack


@pytest.mark.parametrize("answer", ["N/A", "42", '{"found": null}', "#### 7", "I do not know that.", "\\boxed{x^2}"])
def test_a_constant_answer_rules_out_imitation_and_rewards(answer: str, tmp_path: Path) -> None:
    rows = [{"prompt": f"What of {thing}?", "answer": answer} for thing in things(150)]
    advice = advise_laptop(write(tmp_path, {"rows.jsonl": rows}), tmp_path)
    assert advice.stack == ()
    assert advice.profile.files[0].check is None
    reasons = {opinion.technique: opinion.but for opinion in advice.opinions}
    assert reasons["SFT"][0].rule == "constant"


def test_boxed_answers_that_cannot_be_read_must_be_corrected(tmp_path: Path) -> None:
    cut = "So the value is \\boxed{\\frac{1}{"
    rows = [
        {"problem": f"Problem {n}?", "solution": f"So it is \\boxed{{{n}}}." if n % 10 else cut} for n in range(150)
    ]
    advice = advise_laptop(write(tmp_path, {"rows.jsonl": rows}), tmp_path)
    missing = {opinion.technique: opinion.missing for opinion in advice.opinions}
    assert missing["GRPO"][0].rule == "parser"
    assert "math reads only 90% of solution" in missing["GRPO"][0].text


def _records(folder: Path) -> str:
    path = folder / "own.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["No", "Field note", "Structured record"])
        rows.writerows([n, f"Note: {n} mg of {thing}.", json.dumps({"mg": n})] for n, thing in enumerate(things(130)))
    return str(path)


def test_unknown_columns_get_no_advice_until_they_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="prompt=Field note,completion=Structured record"):
        advise_laptop([_records(tmp_path)], tmp_path)
    with pytest.raises(InputError, match="prompt=left,completion=right"):
        advise_laptop(write(tmp_path, {"strange.jsonl": strange(20)}), tmp_path)


@pytest.mark.parametrize("answer", ["", "yes", "prompt=Field note,completion=Structured record"])
def test_columns_that_the_user_confirms_are_used_for_that_file_alone(answer: str, tmp_path: Path) -> None:
    questions: list[str] = []

    def ask(text: str) -> str:
        questions.append(text)
        return answer if "Field note" in text else ""

    advice = advise_laptop([_records(tmp_path), *write(tmp_path, {"replies.jsonl": replies(120)})], tmp_path, ask)
    assert "Field note → prompt?" in questions[0]
    assert dict(advice.profile.files[0].columns) == {"prompt": "Field note", "completion": "Structured record"}
    assert advice.profile.files[1].columns == {}


def test_columns_that_the_user_rejects_are_not_used(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--columns"):
        advise_laptop([_records(tmp_path)], tmp_path, lambda text: "no")


@pytest.mark.parametrize(
    ("columns", "read"),
    [
        (("dialogue", "note"), {"prompt": "dialogue", "completion": "note"}),
        (("note", "record"), {"prompt": "note", "completion": "record"}),
        (("text", "summary"), {"prompt": "text", "completion": "summary"}),
    ],
)
def test_common_column_names_are_read_without_a_question(columns: tuple[str, str], read: Row, tmp_path: Path) -> None:
    rows = [{columns[0]: row["prompt"], columns[1]: row["completion"]} for row in replies(120)]
    advice = advise_laptop(write(tmp_path, {"rows.jsonl": rows}), tmp_path)
    assert dict(advice.profile.files[0].columns) == read
    assert advice.stack == ("SFT",)


def test_a_blocking_finding_is_shown_with_the_next_step(
    tmp_path: Path, posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows: list[Row] = [*replies(120), {"prompt": "Key?", "completion": "Use AKIAQQ7ZK3M4N5P6R7S8 as the key."}]
    write(tmp_path, {"rows.jsonl": rows, "prompts.jsonl": prompts(3)})
    answer = posttrain("advise", "--data", "rows.jsonl", "--model", "some/base-0.1B")
    assert answer.code == 0, answer.err
    assert "block" in answer.out
    assert "posttrain clean" in answer.out
    assert "None" not in answer.out
