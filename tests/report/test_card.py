"""The model card: in the hub's format, with the run's evidence, the same each time, and never over a person's own."""

import ast
import re
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard

from posttrain.report.card import write_model_card
from posttrain.statistics.intervals import wilson
from run_folders import SUITE, gate, put, put_results, put_run, put_stage, samples_of, unpack_old_run


def head_of(card: str) -> dict[str, object]:
    return yaml.safe_load(card.split("---\n")[1])


@pytest.fixture
def run(tmp_path: Path) -> Path:
    stages = {"sft": {}, "dpo": {"kind": "dpo", "model": "sft"}, "scorer": {"kind": "reward", "model": "sft"}}
    folder = put_run(tmp_path / "run", stages, {"facts": SUITE})
    for name, value in (("base", 0.0), ("stages/sft", 1.0), ("stages/dpo", 0.0)):
        put_results(folder / name, {"facts": samples_of([value] * 20)})
    for name in stages:
        (folder / f"stages/{name}/model").mkdir()
    return folder


def test_the_hub_reads_the_card_and_its_results(run: Path) -> None:
    path = write_model_card(run, "sft")
    assert path == run / "stages/sft/model/README.md"
    data = ModelCard.load(path).data
    assert data.model_name == "sft"
    assert data.library_name == "transformers"
    assert data.pipeline_tag == "text-generation"
    assert data.tags == ["posttrain", "sft"]
    results = {(one.dataset_name, one.metric_value) for one in data.eval_results or ()}
    assert results == {("facts", 1.0), ("facts, even", 1.0), ("facts, odd", 1.0)}


def test_the_card_holds_the_evidence_with_intervals_and_the_limits(run: Path) -> None:
    put(run / "gates.json", {"gates": [gate("facts >= 0.9", "fail", stage="dpo")]})
    write_model_card(run, "sft")
    write_model_card(run, "dpo")
    sft, dpo = ((run / f"stages/{name}/model/README.md").read_text() for name in ("sft", "dpo"))
    low, high = wilson(20, 20)
    assert f"| facts | 0.0% | 100.0% | {low:.1%} to {high:.1%} | 20 | +100.0 points (+" in sft
    assert re.search(r"\| facts \|.*\| better \|", sft)
    assert "These results" not in sft
    assert "This stage made these results worse: facts; facts, even; facts, odd." in dpo
    assert "Gate `facts >= 0.9`: fail." in dpo
    assert "1. sft (sft): `sft.jsonl` (00000000)" in dpo
    assert "2. dpo (dpo): `dpo.jsonl` (00000000)" in dpo


def test_a_start_model_and_data_of_the_hub_are_linked_and_folders_are_not(run: Path) -> None:
    write_model_card(run, "sft")
    head = head_of((run / "stages/sft/model/README.md").read_text())
    assert {"base_model", "datasets"}.isdisjoint(head)
    stage = {
        "kind": "sft",
        "model": "org/small",
        "data": [{"path": "hf://org/rows/train.jsonl"}, {"path": "own.jsonl"}],
    }
    folder = put_run(run.parent / "other", {"sft": stage})
    put(folder / "stages/sft/started.json", {"keys": {}, "content": {"the model it starts from": "org/small"}})
    (folder / "stages/sft/model").mkdir()
    put(folder / "stages/sft/model/adapter_config.json", {})
    write_model_card(folder, "sft")
    text = (folder / "stages/sft/model/README.md").read_text()
    head = head_of(text)
    assert (head["base_model"], head["datasets"], head["library_name"]) == ("org/small", ["org/rows"], "peft")
    assert "no suites" in text


@pytest.mark.parametrize(
    ("stage", "name"), [("sft", "AutoModelForCausalLM"), ("scorer", "AutoModelForSequenceClassification")]
)
def test_the_usage_is_six_lines_of_python(run: Path, stage: str, name: str) -> None:
    write_model_card(run, stage)
    (code,) = re.findall(r"```python\n(.*?)\n```", (run / f"stages/{stage}/model/README.md").read_text(), re.DOTALL)
    assert len(code.splitlines()) == 6
    assert name in code
    ast.parse(code)


def test_the_card_does_not_depend_on_the_place_or_the_time(run: Path, tmp_path: Path) -> None:
    write_model_card(run, "sft")
    text = (run / "stages/sft/model/README.md").read_text()
    (run / "stages/sft/model/README.md").unlink()
    put_stage(run / "stages/sft", seconds=999.0)
    run.rename(tmp_path / "elsewhere")
    write_model_card(tmp_path / "elsewhere", "sft")
    assert (tmp_path / "elsewhere/stages/sft/model/README.md").read_text() == text


def test_a_card_that_is_there_stays_and_a_stage_without_a_model_has_none(run: Path) -> None:
    path = run / "stages/sft/model/README.md"
    path.write_text("mine")
    assert write_model_card(run, "sft") is None
    assert path.read_text() == "mine"
    (run / "stages/dpo/model").rmdir()
    assert write_model_card(run, "dpo") is None


def test_a_run_of_an_earlier_version_has_a_card(tmp_path: Path) -> None:
    run = unpack_old_run(tmp_path)
    (run / "stages/dpo/model").mkdir()
    path = write_model_card(run, "dpo")
    assert path is not None
    assert "These results fell in this stage: instructions_seen; instructions_unseen" in path.read_text()
    assert len(ModelCard.load(path).data.eval_results or ()) == 5
