"""`posttrain advise` as users call it: options, questions, the goal, its output, the recipe, and refusals."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from advising import LAPTOP, prompts, replies, sums, write
from command_line import Posttrain
from posttrain.advise.advice import advise
from posttrain.advise.answers import Answers, answers_from_goal, answers_from_user
from posttrain.advise.draft import recipe_path
from posttrain.console import Screen
from posttrain.evaluate.suites.answers import AnswersSuite, read_answers_suite
from posttrain.recipe.load import load_recipe


@pytest.fixture
def work(tmp_path: Path, instruct: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with data and the model."""
    write(tmp_path, {"sums.jsonl": sums(150), "replies.jsonl": replies(120), "prompts.jsonl": prompts(120)})
    (tmp_path / "model").symlink_to(instruct)
    monkeypatch.chdir(tmp_path)
    return tmp_path


ADVISE = ("advise", "--model", "model")


def test_it_shows_the_advice_with_reasons_and_costs_and_writes_the_recipe(work: Path, posttrain: Posttrain) -> None:
    answer = posttrain(*ADVISE, "--data", "sums.jsonl")
    assert answer.code == 0, answer.err
    output = " ".join(answer.out.split())
    for words in (
        "sums.jsonl: 150 rows: answers to imitate; reward math reads 100% of completion",
        "Advice: SFT → GRPO",
        "missing: 350 more good rows",
        "on this machine",
        "Orders of magnitude",
        "Assumed",
        "Recipe: recipe.yaml",
    ):
        assert words in output
    assert posttrain("validate", "recipe.yaml").code == 0


def test_json_holds_the_same_advice(work: Path, posttrain: Posttrain) -> None:
    answer = posttrain(*ADVISE, "--data", "sums.jsonl", "--json", "--out", "deep/down/a.yaml")
    assert answer.code == 0, answer.err
    advice = json.loads(answer.out)
    assert advice.keys() == {
        *("stack", "techniques", "files", "mend", "answers", "from_goal", "assumed", "notes"),
        *("machine", "model", "costs", "recipe"),
    }
    assert advice["stack"] == ["SFT", "GRPO"]
    assert [opinion["verdict"] for opinion in advice["techniques"]] == ["use", "no", "no", "no", "no", "use"]
    assert all(isinstance(reason, str) for opinion in advice["techniques"] for reason in opinion["because"])
    assert [cost["stage"] for cost in advice["costs"]] == ["sft", "grpo"]
    assert all(cost["seconds"] > 0 and cost["memory"] > 0 for cost in advice["costs"])
    assert advice["recipe"] == "deep/down/a.yaml"
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
    assert isinstance(suite, AnswersSuite)
    assert (suite.metrics["equal"].kind, suite.paths) == ("json_fields", ("held.jsonl",))
    assert len(read_answers_suite(suite, work)) == 10
    assert posttrain(*ADVISE, "--data", "replies.jsonl", "--force").code == 0
    assert "suites:" not in path.read_text()


def test_an_absolute_path_stays_absolute_if_the_recipe_is_far_away() -> None:
    near, far = Path("/a/b"), Path("/x/y/z")
    assert [recipe_path("/a/b/rows.jsonl", folder) for folder in (near, far)] == ["rows.jsonl", "/a/b/rows.jsonl"]
    assert recipe_path("/a/rows.jsonl", near) == "../rows.jsonl"
    assert recipe_path("hf://org/name", far) == "hf://org/name"


def test_the_table_of_rules_is_shown(posttrain: Posttrain) -> None:
    answer = posttrain("advise", "--explain")
    assert answer.code == 0
    for words in ("data", "complexity", "best for", "needs", "blocks", "RLHF", "alpha below 0.4"):
        assert words in " ".join(answer.out.split())
    table = json.loads(posttrain("advise", "--explain", "--json").out)
    assert [technique["name"] for technique in table["techniques"]] == ["SFT", "IFT", "DPO", "KTO", "RLHF", "GRPO"]


def test_an_existing_recipe_is_not_replaced_without_force(work: Path, posttrain: Posttrain) -> None:
    Path("recipe.yaml").write_text("mine")
    answer = posttrain(*ADVISE, "--data", "sums.jsonl")
    assert answer.code == 2
    assert "recipe.yaml" in answer.err
    assert "--force" in answer.err
    assert Path("recipe.yaml").read_text() == "mine"
    assert posttrain(*ADVISE, "--data", "sums.jsonl", "--force").code == 0
    assert Path("recipe.yaml").read_text() != "mine"


def test_without_anything_to_train_on_no_recipe_is_written(work: Path, posttrain: Posttrain) -> None:
    answer = posttrain(*ADVISE, "--people", "3", "--strict")
    assert answer.code == 0, answer.err
    assert "collect data first, for DPO" in answer.out
    assert "No recipe" in answer.out
    assert not Path("recipe.yaml").exists()


WRONG: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "no such file": (("--data", "sum.jsonl"), ("sum.jsonl", "did you mean sums.jsonl")),
    "a file without JSON": (("--data", "broken.jsonl"), ("broken.jsonl:1", "no row of broken.jsonl can be read")),
    "an empty file": (("--data", "empty.jsonl"), ("empty.jsonl:1", "holds no rows")),
    "a binary file": (("--data", "binary.jsonl"), ("binary.jsonl:1", "NUL")),
    "another kind of file": (("--data", "a.docx"), ("a.docx", "unknown kind of file")),
    "no such evaluation file": (("--data", "sums.jsonl", "--against", "tst.jsonl"), ("tst.jsonl", "no such file")),
    "no such model": (("--data", "sums.jsonl", "--model", "./modle"), ("modle", "no such model folder")),
    "a model that is no hub id": (("--data", "sums.jsonl", "--model", "modle"), ("--model: modle", "org/name")),
    "a folder that is no model": (("--data", "sums.jsonl", "--model", "."), ("no config.json",)),
    "a reward without a check": (("--not-checkable", "--reward", "math"), ("contradicts", "--reward math")),
    "success without a check": (("--not-checkable", "--success", "0.5"), ("contradicts", "--success")),
    "a misspelt reward": (("--reward", "maths"), ("--reward: maths", "did you mean math?")),
    "success above 1": (("--success", "30"), ("--success: 30",)),
    "people below 0": (("--people", "-1"), ("--people", "-1")),
    "another number of tasks": (("--tasks", "some"), ("--tasks: some", "one", "many")),
    "other preferences": (("--preferences", "odd"), ("--preferences: odd", "broad")),
    "a recipe that is no YAML file": (("--out", "recipe.json"), ("recipe.json", ".yaml")),
    "columns of another form": (("--data", "sums.jsonl", "--columns", "question"), ("--columns",)),
    "a column that is not there": (("--data", "sums.jsonl", "--columns", "prompt=a,completion=b"), ("`a`",)),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_is_one_sentence_and_exit_code_2(case: str, work: Path, posttrain: Posttrain) -> None:
    Path("broken.jsonl").write_text("no json\nnone here\n")
    Path("empty.jsonl").write_text("")
    Path("binary.jsonl").write_bytes(b"\0\1\2\n" * 9)
    Path("a.docx").write_bytes(b"PK")
    arguments, messages = WRONG[case]
    answer = posttrain(*ADVISE, *arguments)
    assert answer.code == 2, answer.out
    assert "Traceback" not in answer.err
    assert len(answer.err.strip().splitlines()) <= 2, answer.err
    for words in messages:
        assert words in answer.err, answer.err
    assert not list(work.glob("*.yaml"))


def typing(*lines: str) -> Iterator[str]:
    return iter(lines)


def test_a_terminal_shows_open_questions_and_repeats_them_after_an_invalid_answer() -> None:
    typed = typing("some", "many", "yes", "30%", "none", "2", "", "broad")
    questions: list[str] = []

    def ask(question: str) -> str:
        questions.append(question)
        return next(typed)

    answers = answers_from_user(Answers(), {}, ask)
    assert answers == Answers(tasks="many", checkable=True, success=0.3, people=2, strict=None, preferences="broad")
    assert "one or many" in questions[1]
    assert "a number, 0 for nobody" in questions[5]
    assert next(typed, None) is None


def test_questions_with_a_known_or_irrelevant_answer_are_not_shown() -> None:
    questions: list[str] = []

    def ask(question: str) -> str:
        questions.append(question)
        return ""

    answers_from_user(Answers(checkable=False, people=0, strict=True), {"tasks": False}, ask)
    assert questions == []


def test_typed_answers_reach_the_advice(work: Path) -> None:
    typed = {"program": "", "people can": "2", "tone": "yes", "broad": "broad"}

    def ask(question: str) -> str:
        return next((answer for words, answer in typed.items() if words in question), "")

    advice = advise(
        ["prompts.jsonl"], Answers(), model="model", folder=work, screen=Screen(quiet=True), machine=LAPTOP, ask=ask
    )
    assert advice.stack == ("RLHF",)


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
def test_words_of_the_goal_answer_questions_with_a_note_on_each(goal: str, answers: Answers) -> None:
    completed, notes = answers_from_goal(Answers(), goal)
    assert completed == answers
    assert bool(notes) == (answers != Answers())
    assert all(re.search(r"“.+”: \w+ \w+", note) for note in notes)


def test_an_option_outweighs_the_goal() -> None:
    answers, notes = answers_from_goal(Answers(strict=False), "in a polite tone")
    assert answers == Answers(strict=False)
    assert notes == []


def test_a_file_named_twice_is_read_once(work: Path, posttrain: Posttrain) -> None:
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
