"""A recipe as a mapping gets every check of a YAML file; messages name the key path alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import posttrain as pt

Change = Callable[[dict[str, Any]], object]

WRONG: dict[str, tuple[Change, str]] = {
    "a misspelt key": (
        lambda r: r["stages"]["sft"].update(epocs=1),
        "stages.sft.epocs: unknown key; did you mean epochs?",
    ),
    "a value out of bounds": (lambda r: r["stages"]["sft"].update(epochs=0), "stages.sft.epochs: "),
    "an unknown kind": (
        lambda r: r["stages"]["sft"].update(kind="stf"),
        "stages.sft.kind: unknown kind of stage 'stf'; did you mean sft?",
    ),
    "a missing file": (lambda r: r["stages"]["sft"].update(data="trian.jsonl"), "stages.sft.data: trian.jsonl: "),
    "a missing model": (lambda r: r.update(model="./no-model"), "model: ./no-model: "),
    "a circle of stages": (
        lambda r: r["stages"].update(
            a={"kind": "sft", "data": "train.jsonl", "model": "b"},
            b={"kind": "sft", "data": "train.jsonl", "model": "a"},
        ),
        "stages.a.model: the stages a → b → a form a circle",
    ),
    "a stage that is not there": (
        lambda r: r["stages"]["sft"].update(model="stf"),
        "stages.sft.model: stf is neither a stage nor a folder",
    ),
    "a reward that is not registered": (
        lambda r: r["stages"].update(
            grpo={"kind": "grpo", "data": "train.jsonl", "rewards": {"x": {"kind": "registered", "function": "nobody"}}}
        ),
        "stages.grpo.rewards.x: function: ",
    ),
    "a number for text": (lambda r: r.update(model=7), "model: "),
    "no stages": (lambda r: r.pop("stages"), "stages: is missing"),
}


def recipe_of(model: str = "model", **sft: Any) -> dict[str, Any]:
    return {"model": model, "stages": {"sft": {"kind": "sft", "data": "train.jsonl", **sft}}}


@pytest.mark.parametrize("name", WRONG)
def test_a_mapping_and_a_file_give_the_same_error_but_for_the_place(name: str, work: Path) -> None:
    change, message = WRONG[name]
    values = recipe_of()
    change(values)
    with pytest.raises(pt.InputError) as of_mapping:
        pt.recipe(values)
    assert str(of_mapping.value).startswith(message)
    Path("wrong.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(pt.InputError) as of_file:
        pt.recipe("wrong.yaml")
    lines = [line.partition(": ") for line in str(of_file.value).splitlines()]
    assert all(place.startswith("wrong.yaml:") for place, _, _ in lines)
    assert "\n".join(rest for _, _, rest in lines) == str(of_mapping.value)


@pytest.mark.parametrize("function", [pt.run, pt.plan, pt.audit])
def test_every_function_that_takes_a_recipe_checks_it(function: Callable[[Any], Any], work: Path) -> None:
    with pytest.raises(pt.InputError, match=r"^stages\.sft\.epocs: unknown key; did you mean epochs"):
        function(recipe_of(epocs=1))


def test_every_problem_is_reported_at_once(work: Path) -> None:
    with pytest.raises(pt.InputError) as error:
        pt.recipe(recipe_of(epochs=0, batch_size=0))
    assert [line.partition(":")[0] for line in str(error.value).splitlines()] == [
        "stages.sft.epochs",
        "stages.sft.batch_size",
    ]


def test_paths_of_a_mapping_start_at_the_working_directory_or_at_base(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pt.recipe(recipe_of()).stages == ["sft"]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(pt.InputError, match=r"^stages\.sft\.data: train\.jsonl"):
        pt.recipe(recipe_of(str(work / "model")))
    assert pt.recipe(recipe_of(), base=work).base == work


def test_values_may_be_paths_and_tuples_and_the_mapping_does_not_change(work: Path) -> None:
    given = recipe_of(betas=(0.5, 0.9)) | {"model": Path("model")}
    loaded = pt.recipe(given, overrides=["stages.sft.epochs=3"])
    stage = loaded.recipe.stages["sft"]
    assert (stage.epochs, stage.betas) == (3, (0.5, 0.9))  # type: ignore[attr-defined]
    assert given == recipe_of(betas=(0.5, 0.9)) | {"model": Path("model")}


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [("epochs", {1}, "stages.sft.epochs: "), ("data", "a\0b", "stages.sft.data: "), (3, 1, "stages.sft: the key 3 ")],
)
def test_what_no_file_can_hold_is_refused(key: Any, value: Any, place: str, work: Path) -> None:
    recipe = recipe_of()
    recipe["stages"]["sft"][key] = value
    with pytest.raises(pt.InputError) as error:
        pt.recipe(recipe)
    assert str(error.value).startswith(place)


def test_a_mapping_that_holds_itself_is_refused(work: Path) -> None:
    recipe = recipe_of()
    recipe["stages"]["sft"]["columns"] = recipe
    with pytest.raises(pt.InputError, match="nested"):
        pt.recipe(recipe)


def test_an_override_that_is_wrong_names_itself(work: Path) -> None:
    with pytest.raises(pt.InputError, match=r"^--set stages\.sft\.epochs: "):
        pt.recipe(recipe_of(), overrides=["stages.sft.epochs=-1"])
    with pytest.raises(pt.InputError, match=r"^--set stages\.stf: .*no such stage; did you mean sft"):
        pt.recipe(recipe_of(), overrides=["stages.stf.epochs=1"])
    with pytest.raises(pt.InputError, match="loaded already"):
        pt.plan(pt.recipe(recipe_of()), overrides=["seed=1"])
