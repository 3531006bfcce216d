"""What the audit foretells for every recipe of this repository, beside what the trainer then reports, row for row."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from posttrain.console import Screen
from posttrain.data.sets import prepare, prompts
from posttrain.data.skipped import Skips
from posttrain.demo.run import set_up
from posttrain.pipeline.audit import stage_budget
from posttrain.pipeline.plan import Notes, origin
from posttrain.recipe.load import load_recipe
from posttrain.recipe.schema import Recipe, made_by_stages
from posttrain.recipe.stages.base import TrainingStage
from posttrain.recipe.starter import STARTERS, starter
from posttrain.stages.context import Context
from posttrain.stages.runner import runner_of

RECIPES = sorted((Path(__file__).parents[2] / "docs/recipes").glob("*.yaml"))

LOCAL = {
    "hf://har1/MTS_Dialogue-Clinical_Note/train": "pharma/mts_dialog_train.csv",
    "hf://har1/MTS_Dialogue-Clinical_Note/validation": "pharma/mts_dialog_validation.csv",
    "hf://tatsu-lab/alpaca": "instruct/alpaca_en_demo.jsonl.gz",
    "hf://databricks/databricks-dolly-15k": "instruct/dolly_3k.jsonl.gz",
    "hf://databricks/databricks-dolly-15k/databricks-dolly-15k.jsonl": "instruct/dolly_3k.jsonl.gz",
    "hf://llamafactory/glaive_toolcall_en": "instruct/glaive_toolcall_en_demo.jsonl.gz",
    "hf://yizhongw/self_instruct/seed_tasks.jsonl": "instruct/self_instruct_seed_tasks.jsonl.gz",
    "hf://Anthropic/hh-rlhf/helpful-base/train.jsonl.gz": "preference/hh_rlhf_helpful_base_test.jsonl.gz",
    "hf://llamafactory/demo_data/kto_en_demo.json": "preference/kto_en_demo.jsonl.gz",
    "hf://openai/gsm8k/main/train-00000-of-00001.parquet": "verifiable/gsm8k_train.jsonl.gz",
}
COLUMNS = {"hf://databricks/databricks-dolly-15k": {"task": "category"}}  # this copy calls the others as Alpaca does


@pytest.fixture(autouse=True)
def every_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trainer reports the first few rows of each reason; here it reports all."""
    for module in (prepare, prompts):
        monkeypatch.setattr(module, "Skips", partial(Skips, shown=None))


def foretold_and_reported(recipe: Recipe, base: Path, out: Path) -> Iterator[str]:
    """Compare each training stage; yields what was left out or cut."""
    for name, stage in recipe.stages.items():
        if not isinstance(stage, TrainingStage) or made_by_stages(recipe, name):
            continue
        found = stage_budget(recipe, name, base, Screen(quiet=True))
        model = origin(recipe, stage.model, base)
        others = {other.name: origin(recipe, other.name, base) for other in stage.others}
        context = Context(name, out / name, base, model, recipe.seed, others, screen=Notes())
        about = runner_of(stage).preview(stage, context).summary.as_json()  # reads and encodes as a run does
        assert found.left_out == {reason: skipped["first"] for reason, skipped in about["skipped"].items()}, name
        assert {reason: len(places) for reason, places in found.left_out.items()} == {
            reason: skipped["rows"] for reason, skipped in about["skipped"].items()
        }
        assert {note: len(places) for note, places in found.noted.items()} == about["noted"], name
        parts = dict(about["parts"])
        train = parts.pop("train")
        assert (found.kept, found.tokens) == (train["groups"], train["tokens"]), name
        assert found.held_out == sum(part["groups"] for part in parts.values()), name
        yield from [*found.left_out, *found.noted]


def sources_of(stage: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, int | None]]:
    """(the mapping that holds a path, its key, its index in a list or None) of each data path of a stage."""
    for key in ("data", "validation", "against"):
        source = stage.get(key)
        for place, one in enumerate(source) if isinstance(source, list) else [(None, source)]:
            if isinstance(one, str | dict):
                yield stage, key, place


def with_sources(values: dict[str, Any], path_of: Mapping[str, dict[str, Any]], rows: int) -> None:
    """Put other sources in the place of those that a recipe names; of each only so many rows."""
    for stage in values["stages"].values():
        for holder, key, place in [*sources_of(stage)]:
            one = holder[key] if place is None else holder[key][place]
            source = {"path": one} if isinstance(one, str) else one
            if source["path"] in values["stages"]:
                continue
            other = {**source, **path_of[source["path"]], "rows": rows}
            holder[key] = other if place is None else [*holder[key][:place], other, *holder[key][place + 1 :]]


def small(values: dict[str, Any], model: Path, **options: Any) -> None:
    """The small model replaces the recipe's; the options apply to every stage that reads rows."""
    values["model"] = str(model)
    for stage in values["stages"].values():
        if stage["kind"] not in {"rank", "candidates", "pick"}:
            stage |= options
        if "teacher" in stage:
            stage["teacher"] = str(model)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_of_the_ready_made_recipes_on_public_data(path: Path, data_dir: Path, tmp_path: Path) -> None:
    values = yaml.safe_load(path.read_text())
    local = {there: {"path": str(data_dir / here)} for there, here in LOCAL.items()}
    with_sources(values, {k: v | ({"columns": COLUMNS[k]} if k in COLUMNS else {}) for k, v in local.items()}, 400)
    small(values, data_dir / "models/stories260K", template="plain", max_length=512)
    for stage in values["stages"].values():
        stage |= {"max_new_tokens": 200} if stage["kind"] in {"ppo", "grpo", "distill"} else {}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(values))
    seen = [*foretold_and_reported(load_recipe(tmp_path / "recipe.yaml"), tmp_path, tmp_path / "out")]
    if not path.stem.startswith("pick"):  # its training stage reads data that other stages make
        assert any("max_length" in one or "cut" in one for one in seen), "long rows were to be among them"


STARTER_ROWS: dict[str, list[dict[str, Any]]] = {
    "asked": [{"prompt": f"What is {n}? " + "Think. " * (n % 23), "answer": str(n)} for n in range(80)],
    "answered": [
        {
            "prompt": f"Is {n} so? " + "Think. " * (n % 17),
            "completion": "It is. " * (n % 11),
            "phrasing": f"way {n % 20}",
        }
        for n in range(80)
    ],
    "labelled": [
        {"prompt": f"Is {n} so? " + "Think. " * (n % 17), "completion": "It is. " * (n % 11), "label": n % 3 > 0}
        for n in range(80)
    ],
    "pairs": [
        {"prompt": f"What is {n // 2}?", "chosen": f"It is {n}. " * (n % 13), "rejected": "It is not. " * (n % 7)}
        for n in range(80)
    ],
    "rankings": [
        {
            "prompt": f"What is {n}?",
            "candidates": [{"id": c, "text": f"{c} {n} " * (n % 29)} for c in "abc"],
            "ranks": {"a": 1, "b": 2 if n % 5 else 1, "c": 2 if n % 5 else 1},
        }
        for n in range(80)
    ],
}
STARTER_FILES = {
    **dict.fromkeys(("prompts", "questions", "test"), "asked"),
    "pairs": "pairs",
    "rankings": "rankings",
    "feedback": "labelled",
}


@pytest.mark.parametrize("kind", [kind for kind in STARTERS if kind not in {"candidates", "imitate"}])
def test_of_the_recipes_to_start_from(kind: str, data_dir: Path, tmp_path: Path) -> None:
    values = yaml.safe_load(starter(kind))
    named = (
        "train",
        "test",
        "pairs",
        "rankings",
        "prompts",
        "questions",
        "extraction",
        "summaries",
        "general",
        "feedback",
    )
    for name in named:
        rows = STARTER_ROWS[STARTER_FILES.get(name, "answered")]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with_sources(values, {f"{name}.jsonl": {"path": f"{name}.jsonl"} for name in named}, 80)
    small(values, data_dir / "models/stories260K", template="plain", max_length=96)
    for stage in values["stages"].values():
        stage |= {"max_new_tokens": 24} if stage["kind"] in {"ppo", "grpo", "distill"} else {}
    values.pop("suites", None)
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(values))
    seen = [*foretold_and_reported(load_recipe(tmp_path / "recipe.yaml"), tmp_path, tmp_path / "out")]
    assert seen or kind in {"rank", "pick", "rounds"}  # their training stages read data that other stages make


def test_of_the_demo(tmp_path: Path) -> None:
    set_up(tmp_path, seed=0)
    values = yaml.safe_load(files("posttrain.demo").joinpath("demo.yaml").read_text(encoding="utf-8"))
    data = {f"data/{path.name}": {"path": f"data/{path.name}"} for path in (tmp_path / "data").iterdir()}
    with_sources(values, data, 300)
    for name, stage in values["stages"].items():
        stage["max_length"] = {"sft": 109, "reward": 290, "ppo": 135, "grpo": 117}.get(
            name, 92
        )  # about half of the rows fit
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(values))
    seen = [*foretold_and_reported(load_recipe(tmp_path / "recipe.yaml"), tmp_path, tmp_path / "out")]
    assert len(seen) > 4
