"""Whether a stage fits into memory, alone or on several ranks, and when its weights are divided among them."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from byte_model import save_byte_model
from posttrain.recipe.stages.ppo import PPOStage
from posttrain.recipe.stages.sft import SFTStage
from posttrain.stages import fits
from posttrain.stages.context import Context, Ranks
from posttrain.stages.fits import short_of_memory, with_parallel
from posttrain.stages.runner import runner_of


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_byte_model(tmp_path_factory.mktemp("byte") / "model")


def sft(**values: Any) -> SFTStage:
    given = {"kind": "sft", "data": "rows.jsonl", "row_tokens": 64, "precision": "float32", **values}
    return TypeAdapter(SFTStage).validate_python(given)


def context(model: Path, ranks: int) -> Context:
    return Context("sft", model, model, str(model), 0, ranks=Ranks(ranks, ranks))


def total(stage: SFTStage, model: Path, ranks: int) -> int:
    return sum(runner_of(stage).needs(stage, context(model, ranks)).values())


def free(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(fits, "free_memory", lambda device: count)


def test_weights_are_divided_only_if_the_whole_does_not_fit(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = total(sft(parallel="replicate"), model, 2)
    free(monkeypatch, 2 * whole)
    assert with_parallel(sft(), context(model, 2)).parallel == "replicate"
    free(monkeypatch, 2 * whole - 1)
    assert with_parallel(sft(), context(model, 2)).parallel == "shard"
    assert with_parallel(sft(), context(model, 1)).parallel == "replicate"
    assert with_parallel(sft(parallel="replicate"), context(model, 2)).parallel == "replicate"


def test_more_ranks_need_less_memory_each_in_shards_and_as_much_otherwise(model: Path) -> None:
    in_shards = [total(sft(parallel="shard"), model, ranks) for ranks in (2, 4, 8)]
    assert in_shards == sorted(in_shards, reverse=True)
    assert len(set(in_shards)) == 3
    assert total(sft(parallel="replicate"), model, 2) == total(sft(parallel="replicate"), model, 8)


def test_what_is_divided_is_counted_exactly(model: Path) -> None:
    whole, half = (runner_of(sft()).needs(sft(parallel="shard"), context(model, ranks)) for ranks in (1, 2))
    for purpose in ("weights", "gradients", "optimizer"):
        assert half[purpose] == whole[purpose] // 2
    assert half["gathered"] > 0


def test_a_stage_that_does_not_fit_even_in_shards_is_refused(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 1000)
    sentence = short_of_memory(sft(), context(model, 2))
    assert sentence is not None
    assert "does not fit" in sentence


@pytest.mark.parametrize(
    "values",
    [
        {"quantization": "4bit", "lora": {}},
        {"lora": {"start": "pissa"}},
        {"lora": {"earlier": "merge"}},
        {"lora": {"earlier": "continue"}},
        {"lora": {"dora": True}},
        {"lora": {"modules_to_save": ["lm_head"]}},
    ],
)
def test_weights_that_change_cannot_be_divided(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="parallel: shard"):
        sft(parallel="shard", **values)


def test_a_second_trunk_cannot_be_divided() -> None:
    given = {"kind": "ppo", "data": "p.jsonl", "rewards": {"r": {"kind": "repetition"}}, "value_model": "separate"}
    with pytest.raises(ValidationError, match="value_model: separate"):
        TypeAdapter(PPOStage).validate_python({**given, "parallel": "shard"})
