"""Commands name models by folder, hub id, RUN:STAGE, or a whole run."""

import json
from pathlib import Path

import pytest

from posttrain.errors import InputError
from posttrain.pipeline.run_models import model_place, named_models


def make_run(folder: Path, *stages: tuple[str, str]) -> Path:
    """A run directory whose stages (name, kind) have model folders."""
    folder.mkdir(parents=True)
    for name, _ in stages:
        (folder / "stages" / name / "model").mkdir(parents=True)
    recipe = {"model": "org/start", "stages": {name: {"kind": kind} for name, kind in (*stages, ("later", "grpo"))}}
    (folder / "manifest.json").write_text(json.dumps({"recipe": recipe, "recipe_file": None, "posttrain": "0.1.0"}))
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "first", ("sft", "sft"), ("judge", "reward"), ("dpo", "dpo"))


def test_a_run_stands_for_its_models_that_answer(run: Path) -> None:
    assert named_models([str(run)]) == {
        "base": "org/start",
        "sft": str(run / "stages/sft/model"),
        "dpo": str(run / "stages/dpo/model"),
    }


def test_the_demos_folder_holds_its_run_beside_its_data(tmp_path: Path) -> None:
    run = make_run(tmp_path / "demo/run", ("sft", "sft"))
    assert named_models([str(tmp_path / "demo")])["sft"] == str(run / "stages/sft/model")
    assert model_place(f"{tmp_path / 'demo'}:sft") == str(run / "stages/sft/model")


def test_a_model_folder_with_another_programs_manifest_is_a_model(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"manifest_version": 3}')
    assert named_models([str(tmp_path)]) == {tmp_path.name: str(tmp_path)}


def test_a_stage_has_its_own_name_and_several_runs_add_theirs(run: Path, tmp_path: Path) -> None:
    other = make_run(tmp_path / "second", ("sft", "sft"))
    assert list(named_models([f"{run}:dpo"])) == ["dpo"]
    assert list(named_models([f"{run}:sft", f"{other}:sft"])) == ["first:sft", "second:sft"]


def test_a_folder_and_a_hub_id_are_themselves(run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert named_models([str(tmp_path / "mine"), "org/name"]) == {
        "mine": str(tmp_path / "mine"),
        "org/name": "org/name",
    }


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("a/model", "b/model"):
        (tmp_path / folder).mkdir(parents=True)
    with pytest.raises(InputError, match="two models would have the name model"):
        named_models([str(tmp_path / "a/model"), str(tmp_path / "b/model")])
    assert len(named_models([str(tmp_path / "a/model")] * 2)) == 1


def test_what_is_no_model_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no model of a stage ppo; its stages with a model: dpo, judge, sft"):
        named_models([f"{run}:ppo"])
    with pytest.raises(InputError, match="no such model folder"):
        model_place("nothing")
    with pytest.raises(InputError, match="no stage of this run has a model yet"):
        named_models([str(make_run(tmp_path / "empty"))])
