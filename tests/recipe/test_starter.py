"""`posttrain init`: every starting recipe is valid, also with the user's data and model, and with its optional keys."""

import re
from pathlib import Path

import pytest

from command_line import Posttrain
from posttrain.recipe.load import load_recipe
from posttrain.recipe.starter import STARTERS, starter

OPTIONAL = re.compile(r"^( *)# ((?:max_steps|eval_every|device|precision|suites|  answers):.*)$", re.MULTILINE)


@pytest.mark.parametrize("kind", STARTERS)
def test_a_starting_recipe_is_right_and_takes_data_and_model(kind: str, tmp_path: Path, posttrain: Posttrain) -> None:
    path, data = tmp_path / "recipe.yaml", "a, b: {c} #1.jsonl"
    answer = posttrain("init", kind, "--data", data, "--model", "./my model")
    assert answer.code == 0
    path.write_text(answer.out)
    recipe = load_recipe(path)
    assert recipe.model == "./my model"
    assert data in next(iter(recipe.stages.values())).paths


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("Field note,Structured record", {"prompt": "Field note", "completion": "Structured record"}),
        ("number,the question: asked,answer", {"prompt": "the question: asked", "completion": "answer"}),
        ("prompt,completion", {}),
        ("messages", {}),
    ],
)
def test_columns_of_other_names_are_suggested(
    header: str, columns: dict[str, str], tmp_path: Path, posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cells = ",".join("a text" for _ in header.split(","))
    Path("notes.csv").write_text(f"{header}\n{cells}\n")
    Path("recipe.yaml").write_text(posttrain("init", "sft", "--data", "notes.csv").out)
    (source,) = load_recipe(Path("recipe.yaml")).stages["sft"].data  # type: ignore[union-attr]
    assert dict(source.columns) == columns


@pytest.mark.parametrize("kind", STARTERS)
def test_the_optional_keys_of_a_starting_recipe_are_right(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    text = OPTIONAL.sub(lambda match: match[1] + match[2], starter(kind))
    assert {"device", "precision"} <= set(re.findall(r"^ +(\w+):", text, re.MULTILINE))
    path.write_text(text)
    assert load_recipe(path).stages


@pytest.mark.parametrize("arguments", [(), ("sfft",)])
def test_without_a_known_kind_the_kinds_are_listed_on_a_line_each(
    arguments: tuple[str, ...], posttrain: Posttrain
) -> None:
    answer = posttrain("init", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert [line.split()[0] for line in answer.err.splitlines()[1:]] == list(STARTERS)


def test_every_stage_that_reads_the_data_gets_its_columns(
    tmp_path: Path, posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.csv").write_text("question,answer\na?,b\n")
    answer = posttrain("init", "audit", "--data", "notes.csv")
    assert "guessed from their names: prompt = question, completion = answer" in answer.err
    Path("recipe.yaml").write_text(answer.out)
    sources = [source for stage in load_recipe(Path("recipe.yaml")).stages.values() for source in stage.data]  # type: ignore[attr-defined]
    assert [dict(source.columns) for source in sources] == [{"prompt": "question", "completion": "answer"}] * 2


def test_columns_that_the_user_names_are_written(posttrain: Posttrain) -> None:
    answer = posttrain("init", "dpo", "--data", "later.csv", "--columns", "prompt=a,chosen=b: c")
    assert "data: {path: later.csv, columns: {prompt: a, chosen: 'b: c'}}" in answer.out
    assert answer.err == ""
