"""Recipes: their values, overrides, and the order of stages."""

from pathlib import Path

import pytest

from posttrain.errors import InputError
from posttrain.recipe.inputs import load_ready
from posttrain.recipe.load import load_recipe
from posttrain.recipe.schema import Recipe, in_order
from posttrain.recipe.starter import STARTERS, starter
from posttrain.recipe.yaml_lines import read_yaml

ROOT = Path(__file__).parents[2]

STACK = """\
model: some/model
stages:
  late: {kind: dpo, model: early, data: pairs.jsonl}
  early: {kind: sft, data: [rows.jsonl, {path: more.csv, weight: 2}]}
  judge: {kind: reward, model: early, data: pairs.jsonl}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(STACK)
    return path


def test_a_stage_runs_after_the_one_it_starts_from(path: Path) -> None:
    assert in_order(load_recipe(path)) == ["early", "late", "judge"]


def test_a_path_a_source_and_lists_of_both_are_sources(path: Path) -> None:
    early = load_recipe(path).stages["early"]
    assert [(s.path, s.weight) for s in early.data] == [("rows.jsonl", 1.0), ("more.csv", 2.0)]


def test_overrides_change_deep_values_add_keys_and_items(path: Path) -> None:
    recipe = load_recipe(
        path, ["stages.late.beta=0.3", "stages.early.data.1.weight=5e-1", "stages.early.lora.rank=4", "seed=7"]
    )
    assert recipe.stages["late"].beta == 0.3  # type: ignore[union-attr]
    assert recipe.stages["early"].data[1].weight == 0.5
    assert recipe.stages["early"].lora is not None
    assert recipe.seed == 7


def test_an_integer_in_scientific_words_is_a_number(path: Path) -> None:
    assert load_recipe(path, ["stages.early.learning_rate=1e-4"]).stages["early"].learning_rate == 1e-4


def test_a_stage_cannot_start_from_a_reward_model(path: Path) -> None:
    with pytest.raises(InputError, match="judge is a reward model"):
        load_recipe(path, ["stages.late.model=judge"])


def test_all_problems_are_reported_at_once(path: Path) -> None:
    with pytest.raises(InputError) as error:
        load_recipe(path, ["stages.late.beta=-1", "stages.early.epochs=0"])
    assert "stages.late.beta" in str(error.value)
    assert "stages.early.epochs" in str(error.value)


@pytest.mark.parametrize("kind", STARTERS)
def test_starting_recipes_are_right(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(starter(kind))
    assert load_recipe(path).stages


@pytest.mark.parametrize("path", sorted((ROOT / "docs/recipes").glob("*.yaml")), ids=lambda p: p.name)
def test_ready_made_recipes_are_right(path: Path) -> None:
    assert load_recipe(path).stages


@pytest.mark.parametrize("kind", STARTERS)
def test_a_recipe_that_a_run_saved_is_read_back_as_the_same_recipe(kind: str, tmp_path: Path) -> None:
    """The manifest states every option, also those that nobody wrote; `posttrain gate` reads it."""
    path = tmp_path / "recipe.yaml"
    path.write_text(starter(kind))
    recipe = load_recipe(path)
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe


def test_lines_are_known_of_every_key(path: Path) -> None:
    _, lines = read_yaml(path)
    assert lines[("stages",)] == 2
    assert lines[("stages", "early", "data", 1, "weight")] == 4


def test_the_readme_shows_a_recipe_that_is_right(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text()
    block = text.split("```yaml\n")[1].split("```")[0]
    path = tmp_path / "recipe.yaml"
    path.write_text(block)
    assert load_recipe(path).stages


@pytest.mark.parametrize("given", ["inline: {items: {format: datetime}}", "file: schema.json"])
def test_a_json_schema_that_cannot_be_checked_is_refused_with_its_line(given: str, tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text('{"items": {"format": "datetime"}}')
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "model: some/model\nstages:\n  g:\n    kind: grpo\n    data: rows.jsonl\n    rewards:\n      s:\n"
        f"        kind: json_schema\n        {given}\n"
    )
    with pytest.raises(InputError, match=r"recipe\.yaml:\d: stages\.g\.rewards\.s.*'datetime'.*\$\.items\.format"):
        load_ready(recipe)


def test_a_key_of_an_earlier_version_is_answered_with_its_new_name(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(starter("ppo").replace("    kind: ppo\n", "    kind: ppo\n    clip: 0.1\n"))
    with pytest.raises(InputError, match=r"recipe\.yaml:\d+: stages\.ppo\.clip.*clip_low and clip_high"):
        load_recipe(path)
