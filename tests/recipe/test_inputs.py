"""`posttrain validate` checks all inputs of a recipe at once, and `--out` must be a folder of its own."""

import json
from pathlib import Path

import pytest

from command_line import Posttrain

RECIPE = """\
model: model
suites:
  facts: {data: {path: facts.csv, columns: {input: question}}, metrics: match}
stages:
  sft: {kind: sft, data: data/train.jsonl}
  grpo:
    kind: grpo
    model: sft
    data: [data]
    rewards:
      own: {kind: python, file: own.py, function: score}
      form: {kind: json_schema, file: schema.json}
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for folder in ("model", "data"):
        (tmp_path / folder).mkdir()
    (tmp_path / "model/config.json").write_text("{}")
    (tmp_path / "data/train.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    (tmp_path / "facts.csv").write_text("question,target\na,b\n")
    (tmp_path / "own.py").write_text("import math\nasync def score(completion, row):\n    return 1\n")
    (tmp_path / "schema.json").write_text('{"type": "object"}')
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return tmp_path


def test_a_recipe_whose_inputs_are_there_is_fine(work: Path, posttrain: Posttrain) -> None:
    answer = posttrain("validate", "recipe.yaml")
    assert answer.code == 0, answer.err


@pytest.mark.parametrize(
    ("file", "text", "messages"),
    [
        ("facts.csv", None, ("recipe.yaml:3: suites.facts.data", "facts.csv")),
        ("data/train.jsonl", None, ("recipe.yaml:5: stages.sft.data", "data/train.jsonl")),
        ("model/config.json", None, ("recipe.yaml:1: model", "config.json")),
        ("own.py", None, ("recipe.yaml:11: stages.grpo.rewards.own.file", "own.py")),
        ("own.py", "def scor(completion, row): ...", ("recipe.yaml:11: stages.grpo.rewards.own", "did you mean scor?")),
        ("own.py", "def score(completion", ("recipe.yaml:11", "own.py:1")),
        ("schema.json", None, ("recipe.yaml:12: stages.grpo.rewards.form", "schema.json")),
        ("schema.json", '{"type": 7}', ("recipe.yaml:12: stages.grpo.rewards.form", "schema.json")),
        ("schema.json", "{", ("recipe.yaml:12: stages.grpo.rewards.form", "schema.json")),
        ("recipe.yaml", RECIPE.replace("model: model", "model: modl"), ("recipe.yaml:1: model", "did you mean model?")),
        ("recipe.yaml", RECIPE.replace("model: model", "model: ./modl"), ("no such", "did you mean model?")),
        ("recipe.yaml", RECIPE.replace("model: model", "model: own.py"), ("recipe.yaml:1: model", "folder")),
        (
            "recipe.yaml",
            RECIPE.replace("train.jsonl}", "train.jsonl, validation: no.csv}"),
            ("sft.validation: no.csv",),
        ),
        (
            "recipe.yaml",
            RECIPE + "  a: {kind: audit, data: data, against: [no.csv]}",
            (":13: stages.a.against: no.csv",),
        ),
        ("recipe.yaml", RECIPE.replace("sft, data", "sft, device: cuda:7, data"), (":5: stages.sft", "cuda:7")),
        ("recipe.yaml", RECIPE.replace("sft, data", "sft, device: gpu, data"), (":5: stages.sft.device", "'gpu'")),
    ],
)
def test_what_is_missing_is_named_with_its_line(
    file: str,
    text: str | None,
    messages: tuple[str, ...],
    work: Path,
    posttrain: Posttrain,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    (work / file).unlink() if text is None else (work / file).write_text(text)
    answer = posttrain("validate", "recipe.yaml")
    assert answer.code == 2
    for words in messages:
        assert words in answer.err


@pytest.mark.parametrize("command", ["validate", "plan", "run"])
def test_everything_missing_is_listed_at_once(command: str, work: Path, posttrain: Posttrain) -> None:
    files = ("facts.csv", "data/train.jsonl", "own.py", "schema.json")
    for file in files:
        (work / file).unlink()
    answer = posttrain(command, "recipe.yaml")
    assert answer.code == 2
    for file in files:
        assert file in answer.err
    assert not (work / "runs").exists()


@pytest.mark.parametrize(
    "code",
    [
        "from elsewhere import score",
        "from elsewhere import *",
        "if True:\n    def score(c, r): ...",
        "score = print",
        "globals()['score'] = print",
        "class A: ...\nother, score = print, print",
    ],
)
def test_a_function_may_come_by_any_statement_and_is_not_run(code: str, work: Path, posttrain: Posttrain) -> None:
    (work / "own.py").write_text(f"{code}\nraise SystemExit(9)\n")
    assert posttrain("validate", "recipe.yaml").code == 0


@pytest.mark.parametrize("out", ["data", "data/run", "model", "model/run", ".", "", "own.py", "own.py/run"])
def test_a_run_does_not_write_among_what_it_reads(out: str, work: Path, posttrain: Posttrain) -> None:
    before = {path: path.read_bytes() for path in work.rglob("*") if path.is_file()}
    answer = posttrain("run", "recipe.yaml", "--out", out)
    assert answer.code == 2
    assert answer.err.startswith("error: --out")
    assert {path: path.read_bytes() for path in work.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_cached_model_with_a_similar_name_is_named(
    command: str, work: Path, posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("posttrain.policy.hub_names.cached_models", lambda: ["some/model-base", "some/thing"])
    answer = posttrain(command, "recipe.yaml", "--set", "model=some/model-bsae")
    assert answer.code == 2
    assert answer.err.startswith("error: --set model: some/model-bsae: offline (HF_HUB_OFFLINE is set) and not in")
    assert "cached here: some/model-base, some/thing; did you mean some/model-base?" in answer.err


@pytest.mark.parametrize(
    ("offline", "messages"), [(True, "offline (HF_HUB_OFFLINE is set)"), (False, "plan and run ask the hub")]
)
def test_what_is_on_the_hub_is_named_as_not_checked(
    offline: bool, messages: str, work: Path, posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", offline)
    sets = ("--set", "model=some/model", "--set", "stages.sft.data=hf://some/rows")
    answer = posttrain("validate", "recipe.yaml", *sets)
    assert answer.code == 0
    model, data = answer.err.splitlines()
    assert model.startswith("not checked: --set model: some/model: ")
    assert messages in model
    assert data.startswith("not checked: --set stages.sft.data: hf://some/rows: ")
    assert answer.out == "recipe.yaml: fine, except for what was not checked. Stages: sft → grpo\n"
    (work / "own.py").unlink()
    answer = posttrain("validate", "recipe.yaml", *sets)
    assert answer.code == 2
    assert "own.py" in answer.err
    assert "some/model" not in answer.err


def test_a_cached_hub_model_is_checked(work: Path, posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posttrain.recipe.inputs.cached_models", lambda: ["some/model"])
    answer = posttrain("validate", "recipe.yaml", "--set", "model=some/model")
    assert (answer.code, answer.err) == (0, "")


def test_suites_read_training_rows_and_renamed_columns(work: Path) -> None:
    from posttrain.evaluate.suites.answers import AnswersSuite, read_answers_suite

    (work / "talk.jsonl").write_text(
        json.dumps(
            {"prompt": [{"role": "user", "content": "c"}], "completion": [{"role": "assistant", "content": "d"}]}
        )
    )
    named = {"path": "facts.csv", "columns": {"input": "question"}, "rows": 1}
    options = AnswersSuite.model_validate({"metrics": "match", "data": [named, "data/train.jsonl", "talk.jsonl"]})
    questions = read_answers_suite(options, work)
    assert [(q.messages[-1]["content"], q.row["target"]) for q in questions] == [("a", "b"), ("a", "b"), ("c", "d")]
