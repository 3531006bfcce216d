"""The demo on a real model in a short form: every stage runs, is measured, and can be loaded again."""

import json
from pathlib import Path

import pytest
from peft import AutoPeftModelForCausalLM

from absences import absent
from posttrain.console import Screen
from posttrain.demo.real.model import real_model
from posttrain.demo.real.run import real_recipe
from posttrain.errors import GateStopped, InputError
from posttrain.pipeline.run import run_recipe

SHORT = (
    "suites.notes={data: data/notes_test.jsonl, metrics: {equal: {kind: json_fields, whole: true}}, max_new_tokens: 8, "
    "rows: 4}",
    "suites.asks={kind: refusal, data: data/asks_test.jsonl, max_new_tokens: 8, slices: false, rows: 4}",
    "suites.courses={data: data/courses_test.jsonl, metrics: math, max_new_tokens: 8, rows: 4}",
    "suites.pairs={kind: preferences, data: data/drafts_test.jsonl, slices: false, rows: 4}",
    "suites.general_text={kind: perplexity, data: data/general_text.txt, rows: 2}",
    "suites.general_chat={kind: perplexity, data: data/general_instructions.jsonl, rows: 2}",
    *(f"stages.{stage}.max_steps=1" for stage in ("sft", "dpo", "reward", "grpo")),
    *(f"stages.{stage}.batch_size=2" for stage in ("sft", "dpo", "reward", "grpo")),
    *(f"stages.{stage}.validation=null" for stage in ("sft", "dpo", "reward", "grpo")),
    "stages.dpo.data={path: data/asks_train.jsonl, rows: 8}",
    "stages.grpo.num_generations=2",
    "stages.grpo.max_new_tokens=12",
    "stages.grpo.eval_every=1",
)


@pytest.mark.slow
def test_every_stage_runs_on_the_real_model(tmp_path: Path) -> None:
    try:
        model = real_model(lambda sentence: None)
    except InputError as error:
        absent(f"the real model cannot be fetched: {error}")
        raise
    recipe = real_recipe(tmp_path, 0, model, overrides=SHORT)
    with pytest.raises(GateStopped):  # a step or two show nothing
        run_recipe(recipe, base=tmp_path, out=tmp_path / "run", screen=Screen(quiet=True), keep_going=True)
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert {"sft", "dpo", "reward", "grpo"} <= summary.keys()
    assert summary["sft"]["general_text/perplexity"]["before"] > 5
    AutoPeftModelForCausalLM.from_pretrained(tmp_path / "run/stages/grpo/model")
