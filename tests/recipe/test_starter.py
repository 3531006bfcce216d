"""`posttrain init`: every starting recipe is right, as it is, filled in, and with its optional keys."""

import re
from pathlib import Path

import pytest
from command_line import Posttrain

from posttrain.recipe.schema import load_recipe
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


@pytest.mark.parametrize("kind", STARTERS)
def test_the_optional_keys_of_a_starting_recipe_are_right(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    text = OPTIONAL.sub(lambda found: found[1] + found[2], starter(kind))
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
