"""Rounds of a recipe become named stages; messages name the block as the user wrote it."""

from pathlib import Path
from typing import Any

import pytest

from posttrain.errors import InputError
from posttrain.recipe.load import checked_recipe, load_recipe
from posttrain.recipe.mapping import read_mapping
from posttrain.recipe.schema import Recipe, in_order
from posttrain.recipe.stages.candidates import CandidatesStage

RECIPE = """\
model: org/model
suites:
  quiz: {kind: answers, data: test.jsonl, metrics: match, stages: [sft, dpo]}
stages:
  sft: {kind: sft, data: train.jsonl}
  last: {kind: sft, model: dpo, data: train.jsonl}
rounds:
  count: 3
  model: sft
  stages:
    write: {kind: candidates, data: prompts.jsonl}
    pick:
      kind: pick
      data: write
      rewards: {right: {kind: match, target: answer}, helpful: {kind: model, model: rm}}
      keep: pairs
    rm: {kind: reward, data: [pairs.jsonl, {path: write, rows: 3}], model: sft}
    dpo: {kind: dpo, data: pick}
"""


def recipe_of(folder: Path, text: str = RECIPE, *overrides: str) -> Recipe:
    (folder / "recipe.yaml").write_text(text)
    return load_recipe(folder / "recipe.yaml", overrides)


def test_each_round_starts_from_the_model_that_the_round_before_trained(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path)
    assert [n for n in in_order(recipe) if n.startswith(("write", "dpo"))] == [
        f"{name}-{number}" for number in (1, 2, 3) for name in ("write", "dpo")
    ]
    starts = {name: stage.start for name, stage in recipe.stages.items()}
    assert [starts[f"write-{n}"] for n in (1, 2, 3)] == ["sft", "dpo-1", "dpo-2"]
    assert [starts[f"dpo-{n}"] for n in (1, 2, 3)] == ["sft", "dpo-1", "dpo-2"]
    assert [starts[f"rm-{n}"] for n in (1, 2, 3)] == ["sft"] * 3, "a stage with a model of its own keeps it"


def test_names_of_the_block_mean_the_same_round_inside_it_and_the_last_round_outside(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path)
    assert recipe.stages["pick-2"].paths == ("write-2",)
    assert recipe.stages["pick-2"].others[0].name == "rm-2"
    assert recipe.stages["rm-3"].paths == ("pairs.jsonl", "write-3")
    assert recipe.stages["last"].start == "dpo-3"
    assert recipe.suites["quiz"].stages == ("sft", "dpo-1", "dpo-2", "dpo-3")


def test_each_round_draws_others_and_may_read_its_own_share(tmp_path: Path) -> None:
    for overrides, shares in (((), 1), (("rounds.prompts=disjoint",), 3)):
        recipe = recipe_of(tmp_path, RECIPE, *overrides)
        stages = [recipe.stages[f"write-{number}"] for number in (1, 2, 3)]
        rounds = [(stage.round, stage.shares) for stage in stages if isinstance(stage, CandidatesStage)]
        assert rounds == [(number, shares) for number in (1, 2, 3)]


def test_a_mapping_has_rounds_too_and_does_not_change(tmp_path: Path) -> None:
    stages = {
        "write": {"kind": "candidates", "data": "prompts.jsonl", "models": [{"url": "http://x/v1", "model": "sft"}]},
        "pick": {"kind": "pick", "data": "write", "rewards": {"short": {"kind": "length", "free": 9, "margin": 9}}},
        "sft": {"kind": "sft", "data": "pick"},
    }
    values: dict[str, Any] = {"model": "org/model", "rounds": {"count": 2, "stages": stages}}
    recipe = checked_recipe(read_mapping(values, tmp_path))
    assert [recipe.stages[name].start for name in ("sft-1", "sft-2")] == [None, "sft-1"]
    assert recipe.stages["write-2"].starts_from == ("sft@http://x/v1",), "the model of a server is no stage"
    assert values["rounds"]["stages"]["pick"]["data"] == "write"


WRONG: dict[str, tuple[tuple[str, str], tuple[str, ...]]] = {
    "a misspelt key": (("keep: pairs", "kep: pairs"), ("recipe.yaml:16: rounds.stages.pick.kep", "did you mean keep?")),
    "a misspelt key of the block": (("count: 3", "cont: 3"), ("recipe.yaml:8: rounds.cont", "did you mean count?")),
    "one round": (("count: 3", "count: 1"), ("recipe.yaml:8: rounds.count", "greater than or equal to 2")),
    "no such start": (("  model: sft\n  st", "  model: sfft\n  st"), ("recipe.yaml:9: rounds.model: sfft", "sft?")),
    "no such model": (("pick}", "pick, model: sftt}"), ("recipe.yaml:18: rounds.stages.dpo.model: sftt",)),
    "a stage that makes no data": (("data: write\n", "data: dpo\n"), ("rounds.", "circle")),
    "no trained model": (
        ("    dpo: {kind: dpo, data: pick}\n", ""),
        ("recipe.yaml:7: rounds", "train no model that the next round"),
    ),
    "equal rounds": (
        ("pick}\n", "pick, model: sft}\n"),
        ("recipe.yaml:7: rounds", "all rounds would be equal"),
    ),
    "a name twice": (("last:", "dpo:"), ("recipe.yaml:6: stages.dpo", "rename")),
    "the name of a round": (("last:", "dpo-2:"), ("recipe.yaml:6: stages.dpo-2", "dpo-1 to dpo-3")),
    "a block that is no mapping": (("rounds:\n", "rounds: 3\nround:\n"), ("recipe.yaml:7: rounds", "mapping")),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_names_its_line_and_key_in_the_users_file(case: str, tmp_path: Path) -> None:
    (old, new), messages = WRONG[case]
    text = RECIPE.replace(old, new)
    assert text != RECIPE
    if case == "equal rounds":
        text = text.replace("data: prompts.jsonl}", "data: prompts.jsonl, model: sft}")
    with pytest.raises(InputError) as error:
        recipe_of(tmp_path, text)
    for words in messages:
        assert words in str(error.value)


def test_an_override_changes_the_stage_of_every_round(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, RECIPE, "rounds.stages.write.k=6", "rounds.count=2")
    stages = [stage for stage in recipe.stages.values() if isinstance(stage, CandidatesStage)]
    assert [stage.k for stage in stages] == [6, 6]
