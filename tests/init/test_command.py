"""`posttrain init --to` as users call it: the question at a terminal, and what it refuses."""

import io
import sys
from pathlib import Path

import pytest

from advising import pairs, replies, strange, write
from command_line import Posttrain
from posttrain.recipe.load import load_recipe

INIT = ("init", "sft", "--model", "model", "--data")


class Terminal(io.StringIO):
    """Standard input of a terminal at which a user types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "options", "written"), [("\n", (), True), ("y\n", (), True), ("n\n", (), False), ("", ("--yes",), True)]
)
def test_a_terminal_shows_what_was_read_and_has_one_question(
    typed: str,
    options: tuple[str, ...],
    written: bool,
    work: Path,
    posttrain: Posttrain,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(work, {"rows.jsonl": replies(60)})
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    answer = posttrain(*INIT, "rows.jsonl", "--to", "out", *options)
    assert (answer.code, Path("out").exists()) == ((0, True) if written else (2, False)), answer.err
    assert ("[Y/n]" in answer.err + answer.out) == (not options)
    for words in ("prompt and completion", "standard names", "40 rows to train on, 20 to test", "metric rouge"):
        assert words in " ".join(answer.err.split())
    assert not [path for path in work.iterdir() if path.name.startswith("out.")]


def test_without_a_terminal_there_is_no_question(work: Path, posttrain: Posttrain) -> None:
    write(work, {"rows.jsonl": replies(60)})
    answer = posttrain(*INIT, "rows.jsonl", "--to", "new/out")
    assert answer.code == 0, answer.err
    assert "recipe.yaml, test.jsonl, train.jsonl" in answer.out
    recipe = load_recipe(Path("new/out/recipe.yaml"))
    assert recipe.model == "../../model"
    assert recipe.stages["sft"].paths == ("train.jsonl",)


def test_an_existing_folder_is_left_as_it_is(work: Path, posttrain: Posttrain) -> None:
    write(work, {"rows.jsonl": replies(60)})
    Path("out").mkdir()
    Path("out/mine.txt").write_text("mine")
    answer = posttrain(*INIT, "rows.jsonl", "--to", "out")
    assert answer.code == 2
    assert "out exists already" in answer.err
    assert [path.name for path in Path("out").iterdir()] == ["mine.txt"]


WRONG: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "no file": ((*INIT, "row.jsonl", "--to", "out"), ("row.jsonl", "did you mean rows.jsonl")),
    "no data": (("init", "sft", "--to", "out"), ("--data",)),
    "few rows": ((*INIT, "few.jsonl", "--to", "out"), ("5 rows", "40", "--test")),
    "too large a test": ((*INIT, "few.jsonl", "--to", "out", "--test", "5"), ("--test 5", "few.jsonl has 5 rows")),
    "one prompt": ((*INIT, "same.jsonl", "--to", "out"), ("same.jsonl", "too few different prompts")),
    "empty file": ((*INIT, "empty.csv", "--to", "out"), ("empty.csv", "is empty")),
    "semicolons": ((*INIT, "semicolons.csv", "--to", "out"), ("semicolons.csv:1", "save the file with commas")),
    "semicolons, printed": ((*INIT, "semicolons.csv"), ("semicolons.csv:1", "save the file with commas")),
    "unclear columns": ((*INIT, "odd.csv", "--to", "out"), ("odd.csv:2", "a, b, c", "--columns prompt=a,completion=b")),
    "unclear columns, printed": ((*INIT, "odd.csv"), ("odd.csv:2", "a, b, c", "--columns prompt=a,completion=b")),
    "a column that is not there": ((*INIT, "odd.csv", "--columns", "prompt=a,completion=d"), ("no column `d`",)),
    "rows of another kind": ((*INIT, "pairs.jsonl", "--to", "out"), ("these are preference rows",)),
    "a broken row": ((*INIT, "broken.jsonl", "--to", "out"), ("broken.jsonl:61",)),
    "no rows to divide": (("init", "audit", "--data", "rows.jsonl", "--to", "out"), ("kind audit", "sft")),
    "no such kind": (("init", "sfft", "--data", "rows.jsonl", "--to", "out"), ("no starting recipe sfft",)),
    "no such model": (("init", "sft", "--data", "rows.jsonl", "--model", "modell", "--to", "out"), ("modell",)),
    "--test alone": (("init", "sft", "--test", "9"), ("--test goes with --to",)),
    "--columns alone": (("init", "sft", "--columns", "prompt=a"), ("--data",)),
}


@pytest.mark.parametrize("case", WRONG)
def test_bad_input_is_one_message_and_nothing_is_written(case: str, work: Path, posttrain: Posttrain) -> None:
    write(work, {"rows.jsonl": replies(60), "few.jsonl": replies(5), "pairs.jsonl": pairs(60)})
    write(work, {"same.jsonl": [{**row, "prompt": "the same"} for row in replies(60)]})
    Path("broken.jsonl").write_text(Path("rows.jsonl").read_text() + "{broken\n")
    Path("empty.csv").write_text("")
    Path("semicolons.csv").write_text("prompt;completion\na;b\n")
    Path("odd.csv").write_text("a,b,c\n" + "x,y,z\n" * 60)
    arguments, messages = WRONG[case]
    before = sorted(path.name for path in work.iterdir())
    answer = posttrain(*arguments)
    assert (answer.code, answer.out) == (2, ""), answer.out
    assert "Traceback" not in answer.err
    for words in messages:
        assert words in answer.err, answer.err
    assert sorted(path.name for path in work.iterdir()) == before


def test_the_only_two_columns_of_text_are_a_guess_that_is_shown(work: Path, posttrain: Posttrain) -> None:
    write(work, {"rows.jsonl": strange(60)})
    answer = posttrain(*INIT, "rows.jsonl")
    assert answer.code == 0
    assert "guessed from their names: prompt = left, completion = right" in answer.err
    assert "data: {path: rows.jsonl, columns: {prompt: left, completion: right}}" in answer.out
