"""`posttrain advise` as users call it: options, questions, the goal, what it prints, writes and refuses."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from advising import LAPTOP, prompts, replies, sums, write
from command_line import Posttrain
from posttrain.advise.advice import advise
from posttrain.advise.answers import Answers, asked, with_goal
from posttrain.advise.profile import path_from
from posttrain.console import Screen
from posttrain.evaluate.suites import read_suite
from posttrain.recipe.schema import load_recipe


@pytest.fixture
def work(tmp_path: Path, instruct: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Data, and the model beside it; the working directory."""
    write(tmp_path, {"sums.jsonl": sums(150), "replies.jsonl": replies(120), "prompts.jsonl": prompts(120)})
    (tmp_path / "model").symlink_to(instruct)
    monkeypatch.chdir(tmp_path)
    return tmp_path


ADVISE = ("advise", "--model", "model")


def test_it_shows_the_advice_with_reasons_costs_and_the_recipe_and_writes_it(work: Path, posttrain: Posttrain) -> None:
    answer = posttrain(*ADVISE, "--data", "sums.jsonl")
    assert answer.code == 0, answer.err
    said = " ".join(answer.out.split())
    for words in (
        "sums.jsonl: 150 rows: answers to imitate; reward math reads 100% of completion",
        "Advice: SFT → GRPO",
        "missing: 350 more good rows",
        "on this machine",
        "Orders of magnitude",
        "Assumed, for want of an answer",
        "Recipe: recipe.yaml",
    ):
        assert words in said
    assert posttrain("validate", "recipe.yaml").code == 0


def test_json_is_the_same_for_programs(work: Path, posttrain: Posttrain) -> None:
    answer = posttrain(*ADVISE, "--data", "sums.jsonl", "--json", "--out", "deep/down/a.yaml")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    assert found["stack"] == ["SFT", "GRPO"]
    assert [one["verdict"] for one in found["techniques"]] == ["use", "no", "no", "no", "use"]
    assert [cost["stage"] for cost in found["costs"]] == ["sft", "grpo"]
    assert all(cost["seconds"] > 0 and cost["memory"] > 0 for cost in found["costs"])
    assert found["recipe"] == "deep/down/a.yaml"
    text = Path("deep/down/a.yaml").read_text()
    assert "../../sums.jsonl" in text
    assert "model: ../../model" in text
    assert posttrain("validate", "deep/down/a.yaml").code == 0


def test_a_suite_for_answers_that_a_metric_reads_is_written_as_a_comment(work: Path, posttrain: Posttrain) -> None:
    rows = [
        {"Field note": f"Plot {n} has {n % 7} oaks", "Record": json.dumps({"plot": n, "oaks": n % 7})}
        for n in range(60)
    ]
    write(work, {"notes.jsonl": rows[:50], "held.jsonl": rows[50:]})
    columns = ("--columns", "prompt=Field note,completion=Record")
    answer = posttrain(*ADVISE, "--data", "notes.jsonl", "--against", "held.jsonl", *columns)
    assert answer.code == 0, answer.err
    path = Path("recipe.yaml")
    text = path.read_text()
    path.write_text(re.sub(r"^# (suites:|  answers:)", r"\1", text, flags=re.MULTILINE))
    suite = load_recipe(path).suites["answers"]
    assert (suite.metric, suite.paths) == ("json_equal", ("held.jsonl",))
    assert len(read_suite(suite, work)) == 10
    assert posttrain(*ADVISE, "--data", "replies.jsonl", "--force").code == 0
    assert "suites:" not in path.read_text()


def test_a_path_given_whole_stays_whole_where_the_recipe_is_far_away() -> None:
    near, far = Path("/a/b"), Path("/x/y/z")
    assert [path_from("/a/b/rows.jsonl", one) for one in (near, far)] == ["rows.jsonl", "/a/b/rows.jsonl"]
    assert path_from("/a/rows.jsonl", near) == "../rows.jsonl"
    assert path_from("hf://org/name", far) == "hf://org/name"


def test_the_table_of_rules_is_shown(posttrain: Posttrain) -> None:
    answer = posttrain("advise", "--explain")
    assert answer.code == 0
    for words in ("data", "complexity", "best for", "needs", "blocks", "RLHF", "agree little beyond chance"):
        assert words in " ".join(answer.out.split())
    table = json.loads(posttrain("advise", "--explain", "--json").out)
    assert [one["name"] for one in table["techniques"]] == ["SFT", "IFT", "DPO", "RLHF", "GRPO"]


def test_a_recipe_that_is_there_is_not_overwritten_unless_forced(work: Path, posttrain: Posttrain) -> None:
    Path("recipe.yaml").write_text("mine")
    answer = posttrain(*ADVISE, "--data", "sums.jsonl")
    assert answer.code == 2
    assert "recipe.yaml is there already; --force replaces it" in answer.err
    assert Path("recipe.yaml").read_text() == "mine"
    assert posttrain(*ADVISE, "--data", "sums.jsonl", "--force").code == 0
    assert Path("recipe.yaml").read_text() != "mine"


def test_without_anything_to_train_on_no_recipe_is_written(work: Path, posttrain: Posttrain) -> None:
    answer = posttrain(*ADVISE, "--people", "3", "--strict")
    assert answer.code == 0, answer.err
    assert "collect data first, for DPO" in answer.out
    assert "No recipe was written" in answer.out
    assert not Path("recipe.yaml").exists()


WRONG: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "no such file": (("--data", "sum.jsonl"), ("sum.jsonl", "did you mean sums.jsonl")),
    "a file that is none": (("--data", "broken.jsonl"), ("broken.jsonl:1", "no row of broken.jsonl can be read")),
    "an empty file": (("--data", "empty.jsonl"), ("empty.jsonl:1", "holds no rows")),
    "a binary file": (("--data", "binary.jsonl"), ("binary.jsonl:1", "NUL")),
    "another kind of file": (("--data", "a.docx"), ("a.docx", "unknown kind of file")),
    "no such evaluation file": (("--data", "sums.jsonl", "--against", "tst.jsonl"), ("tst.jsonl", "no such file")),
    "no such model": (("--data", "sums.jsonl", "--model", "./modle"), ("modle", "no such model folder")),
    "a model of no name": (("--data", "sums.jsonl", "--model", "modle"), ("neither a folder nor a hub id",)),
    "a folder that is no model": (("--data", "sums.jsonl", "--model", "."), ("no config.json",)),
    "a reward of no check": (("--not-checkable", "--reward", "math"), ("contradicts", "--reward math")),
    "success of what cannot be checked": (("--not-checkable", "--success", "0.5"), ("contradicts", "--success")),
    "a misspelt reward": (("--reward", "maths"), ("--reward: maths", "did you mean math?")),
    "success above 1": (("--success", "30"), ("--success: 30",)),
    "people below 0": (("--people", "-1"), ("--people", "-1")),
    "some tasks": (("--tasks", "some"), ("--tasks: some", "one", "many")),
    "odd preferences": (("--preferences", "odd"), ("--preferences: odd", "broad")),
    "a recipe that is none": (("--out", "recipe.json"), ("recipe.json", ".yaml")),
    "columns of another form": (("--data", "sums.jsonl", "--columns", "question"), ("--columns",)),
    "a column that is not there": (("--data", "sums.jsonl", "--columns", "prompt=a,completion=b"), ("`a`",)),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_is_one_sentence_and_exit_code_2(case: str, work: Path, posttrain: Posttrain) -> None:
    Path("broken.jsonl").write_text("no json\nnone here\n")
    Path("empty.jsonl").write_text("")
    Path("binary.jsonl").write_bytes(b"\0\1\2\n" * 9)
    Path("a.docx").write_bytes(b"PK")
    arguments, told = WRONG[case]
    answer = posttrain(*ADVISE, *arguments)
    assert answer.code == 2, answer.out
    assert "Traceback" not in answer.err
    assert len(answer.err.strip().splitlines()) <= 2, answer.err
    for words in told:
        assert words in answer.err, answer.err
    assert not list(work.glob("*.yaml"))


def typing(*lines: str) -> Iterator[str]:
    return iter(lines)


def test_at_a_terminal_what_is_missing_is_asked_and_asked_again_if_it_makes_no_sense() -> None:
    typed = typing("some", "many", "yes", "30%", "none", "2", "", "broad")
    questions: list[str] = []

    def ask(question: str) -> str:
        questions.append(question)
        return next(typed)

    found = asked(Answers(), {}, ask)
    assert found == Answers(tasks="many", checkable=True, success=0.3, people=2, strict=None, preferences="broad")
    assert questions[1] == "Say one or many; or nothing, if you do not know"
    assert questions[5] == "Say a number, 0 for nobody; or nothing, if you do not know"
    assert next(typed, None) is None


def test_what_is_known_or_makes_no_difference_is_not_asked() -> None:
    questions: list[str] = []

    def ask(question: str) -> str:
        questions.append(question)
        return ""

    asked(Answers(checkable=False, people=0, strict=True), {"tasks": False}, ask)
    assert questions == []


def test_questions_reach_the_advice(work: Path) -> None:
    typed = {"program": "", "people can": "2", "tone": "yes", "broad": "broad"}

    def ask(question: str) -> str:
        return next((said for words, said in typed.items() if words in question), "")

    found = advise(
        ["prompts.jsonl"], Answers(), model="model", folder=work, screen=Screen(quiet=True), machine=LAPTOP, ask=ask
    )
    assert found.stack == ("RLHF",)


@pytest.mark.parametrize(
    ("goal", "answers"),
    [
        ("Turn notes into JSON records", Answers(checkable=True)),
        ("Reply in our house's tone and decline off-label questions", Answers(strict=True)),
        ("A general assistant for many kinds of task", Answers(tasks="many")),
        ("Give helpful, nuanced answers", Answers(preferences="broad")),
        ("Make it good", Answers()),
    ],
)
def test_words_of_the_goal_answer_questions_and_this_is_told(goal: str, answers: Answers) -> None:
    found, told = with_goal(Answers(), goal)
    assert found == answers
    assert bool(told) == (answers != Answers())
    assert all(re.search(r"the goal says “.+”: \w+ \w+", one) for one in told)


def test_what_is_said_outright_outweighs_the_goal() -> None:
    found, told = with_goal(Answers(strict=False), "in a polite tone")
    assert found == Answers(strict=False)
    assert told == []


def test_a_file_named_twice_is_one_file(work: Path, posttrain: Posttrain) -> None:
    answer = posttrain(*ADVISE, "--data", "sums.jsonl", "--data", "sums.jsonl", "--json")
    assert [file["rows"] for file in json.loads(answer.out)["files"]] == [150]


def test_names_of_files_and_columns_cannot_command_the_terminal_or_leave_a_comment(
    work: Path, posttrain: Posttrain
) -> None:
    name = "a\x1b[31m\nmodel: b.jsonl"
    rows = [{"prompt": row["prompt"], "completion": "\x1b[2J" + row["completion"]} for row in replies(120)]
    (path,) = write(work, {name: rows})
    answer = posttrain(*ADVISE, "--data", path)
    assert answer.code == 0, answer.err
    assert "\x1b" not in answer.out
    assert posttrain("validate", "recipe.yaml").code == 0
    lines = Path("recipe.yaml").read_text().splitlines()
    assert [line for line in lines if line.startswith("model:")] == ["model: model"]
