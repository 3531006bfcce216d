"""A stage that cannot train its adapter from its start model is refused; the plan says what becomes of an adapter."""

import json
from pathlib import Path
from typing import Any

import pytest

from posttrain.errors import InputError
from posttrain.recipe.adapters import adapter_note
from posttrain.recipe.load import load_recipe
from posttrain.recipe.schema import Recipe
from posttrain.recipe.stages.base import TrainingStage


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A folder with data, a complete model and a DoRA adapter, as far as a recipe's check reads them."""
    (tmp_path / "rows.jsonl").write_text("")
    (tmp_path / "whole").mkdir()
    (tmp_path / "adapter").mkdir()
    config = {"base_model_name_or_path": "org/model", "peft_type": "LORA", "use_dora": True}
    (tmp_path / "adapter/adapter_config.json").write_text(json.dumps(config))
    (tmp_path / "adapter/adapter_model.safetensors").write_bytes(b"")
    return tmp_path


def recipe_of(base: Path, first: Any, second: Any, *, kind: str = "dpo", model: str = "whole") -> Recipe:
    """A recipe of an SFT stage and another that starts from it; the two have these values of `lora`."""
    stages = {
        "one": {"kind": "sft", "data": "rows.jsonl", "lora": first},
        "two": {"kind": kind, "data": "rows.jsonl", "model": "one", "lora": second},
    }
    path = base / "recipe.yaml"
    path.write_text(json.dumps({"model": model, "stages": stages}))
    return load_recipe(path)


def note(recipe: Recipe, name: str, base: Path) -> str | None:
    stage = recipe.stages[name]
    assert isinstance(stage, TrainingStage)
    return adapter_note(recipe, stage, base)


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (None, "the adapter of one is merged into its base, and all weights are trained"),
        ({}, "a new adapter is trained on top of that of one, which is frozen; both are saved as one"),
        ({"earlier": "continue"}, "the adapter of one is trained further"),
        ({"earlier": "merge", "dora": True}, "a new adapter is trained on it; the stage saves a complete model"),
    ],
)
def test_the_plan_says_what_becomes_of_the_adapter(second: Any, expected: str, base: Path) -> None:
    recipe = recipe_of(base, {"rank": 4}, second)
    found = note(recipe, "two", base)
    assert found is not None
    assert found.endswith(expected)
    assert note(recipe, "one", base) is None


@pytest.mark.parametrize("first", [None, {"earlier": "merge"}])
def test_a_complete_model_leaves_nothing_to_say(first: Any, base: Path) -> None:
    model = "adapter" if first else "whole"
    assert note(recipe_of(base, first, {}, model=model), "two", base) is None


@pytest.mark.parametrize(
    ("first", "second", "more", "named"),
    [
        (
            None,
            {"earlier": "continue"},
            {},
            r"stages\.two\.lora\.earlier.*: continue needs an adapter .* one is a",
        ),
        (
            {"earlier": "merge"},
            None,
            {},
            r"stages\.one\.lora\.earlier.*: merge needs an adapter .* whole is a",
        ),
        ({}, {"dora": True}, {}, r"stages\.two\.lora\.dora.*: this kind .* of one's adapter; set `earlier: merge`"),
        (
            {"dora": True},
            {},
            {},
            r"stages\.two\.lora\.?\w*: nothing .* of one, since it uses use_dora; set `earlier",
        ),
        ({}, {}, {"model": "adapter"}, r"stages\.one\.lora\.?\w*: nothing .* the adapter of adapter, since it uses"),
        ({}, {"earlier": "continue"}, {"kind": "reward"}, r"earlier.*: the adapter of one has no scalar head"),
        (
            {"earlier": "continue"},
            {},
            {"model": "adapter"},
            r"stages\.two\.lora\.?\w*: nothing .* the adapter of one, since it uses use_dora",
        ),
    ],
)
def test_adapters_that_do_not_go_together_are_refused(
    first: Any, second: Any, more: dict[str, str], named: str, base: Path
) -> None:
    with pytest.raises(InputError, match=named):
        recipe_of(base, first, second, **more)
