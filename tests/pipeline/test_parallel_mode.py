"""`parallel: auto` is decided once for a stage, and stays when it is run again with less memory free."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from posttrain.pipeline import ranks
from posttrain.pipeline.earlier_results import MODE
from posttrain.recipe.stages.sft import SFTStage
from posttrain.stages.context import Context, Ranks

STAGE = SFTStage.model_validate({"kind": "sft", "data": "x.jsonl"})


def context(folder: Path, total: int) -> Context:
    return replace(Context("sft", folder, folder, "model", 0, {}, {}), ranks=Ranks(total, total))


def mode(stage: SFTStage, context: Context) -> str:
    decided: Any = ranks._decided(stage, context)
    return decided.parallel


def test_the_first_decision_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decisions = iter(["shard", "replicate"])
    monkeypatch.setattr(
        ranks, "with_parallel", lambda stage, context: stage.model_copy(update={"parallel": next(decisions)})
    )
    for _ in range(2):
        assert mode(STAGE, context(tmp_path, 2)) == "shard"
    (tmp_path / MODE).write_text("other")
    assert mode(STAGE, context(tmp_path, 2)) == "replicate", "a damaged record is decided anew"


def test_one_process_needs_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        ranks, "with_parallel", lambda stage, context: stage.model_copy(update={"parallel": "replicate"})
    )
    assert mode(STAGE, context(tmp_path, 1)) == "replicate"
    assert not (tmp_path / MODE).exists()


def test_what_the_recipe_says_is_not_decided(tmp_path: Path) -> None:
    stage = STAGE.model_copy(update={"parallel": "shard"})
    assert mode(stage, context(tmp_path, 2)) == "shard"
    assert not (tmp_path / MODE).exists()
