"""The grid of a sweep: its values, the names of its runs, and what is refused before anything runs."""

from pathlib import Path

import pytest

from posttrain.errors import InputError
from posttrain.recipe.sweep import load_sweep, sweep_points

RECIPE = """\
model: model
stages:
  sft: {kind: sft, data: train.jsonl}
  dpo: {kind: dpo, model: sft, data: train.jsonl}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text("{}")
    (tmp_path / "train.jsonl").write_text("{}\n")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return tmp_path / "recipe.yaml"


def test_several_sweeps_give_every_combination() -> None:
    points = sweep_points(["stages.dpo.beta=0.05,0.1", "seed=0,1"])
    assert [point.name for point in points] == [
        "beta=0.05_seed=0",
        "beta=0.05_seed=1",
        "beta=0.1_seed=0",
        "beta=0.1_seed=1",
    ]
    assert points[1].overrides == ["stages.dpo.beta=0.05", "seed=1"]
    assert points[1].label == "0.05, 1"


def test_commas_in_brackets_and_quotes_belong_to_the_value() -> None:
    points = sweep_points(["stages.sft.betas=[0.9, 0.95],[0.9, 0.99]", 'stages.sft.template="a,b"'])
    assert [list(point.values.values()) for point in points] == [["[0.9, 0.95]", '"a,b"'], ["[0.9, 0.99]", '"a,b"']]


def test_keys_that_end_alike_and_values_that_look_alike_get_names_of_their_own() -> None:
    both = sweep_points(["stages.sft.lora.rank=4,8", "stages.dpo.lora.rank=4"])
    assert both[0].name == "stages.sft.lora.rank=4_stages.dpo.lora.rank=4"
    alike = sweep_points(["stages.sft.data=a/b.jsonl,a b.jsonl,../c"])
    assert len({point.name for point in alike}) == 3
    assert not any("/" in point.name or ".." in point.name for point in alike)


@pytest.mark.parametrize(
    ("sweeps", "words"),
    [
        (["stages.dpo.beta"], "expected key.path=value,value"),
        (["stages.dpo.beta=0.1,,0.2"], "expected key.path=value,value"),
        (["stages.dpo.beta=0.1"], "use --set"),
        (["stages.dpo.beta=0.1,0.1"], "0.1 is given twice"),
        (["seed=0,1", "seed=2,3"], "seed: is given twice"),
        (["stages.dpo.beta=0.1,1e-1"], "beta=1e-1 and beta=0.1 give the same recipe"),
        (["stages.dpo.beta=0.1,-1"], "--sweep stages.dpo.beta: should be greater than"),
        (["stages.dpo.bta=0.1,0.2"], "unknown key; did you mean beta"),
        (["stages.sft.data=train.jsonl,missing.jsonl"], "--sweep stages.sft.data: missing.jsonl"),
    ],
)
def test_a_wrong_value_is_bad_input_before_anything_runs(recipe: Path, sweeps: list[str], words: str) -> None:
    with pytest.raises(InputError) as error:
        load_sweep(recipe, [], sweeps)
    assert words in str(error.value)


def test_values_are_applied_after_set(recipe: Path) -> None:
    points = load_sweep(recipe, ["stages.dpo.epochs=3", "stages.dpo.beta=0.9"], ["stages.dpo.beta=0.1,0.2"])
    stages = [recipe.stages["dpo"].model_dump() for _, recipe in points]
    assert [(stage["beta"], stage["epochs"]) for stage in stages] == [(0.1, 3), (0.2, 3)]
