"""A run leaves its report and a card beside each model; neither can end a run or make it do work again."""

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from command_line import Posttrain
from posttrain.errors import RunError
from posttrain.pipeline import ranks as pipeline_ranks
from posttrain.pipeline import reports
from posttrain.recipe.stages.base import StageOptions
from posttrain.stages.context import Context, Figure
from posttrain.stages.runner import Runner, runner_of

RECIPE = """\
model: model
suites:
  echo: {data: asks.jsonl, metrics: [contains, match], max_new_tokens: 4}
  refusal: {kind: refusal, data: twins.jsonl, max_new_tokens: 4}
stages:
  sft: {kind: sft, data: train.jsonl, max_length: 128, batch_size: 4, learning_rate: 1.0e-3, lora: {rank: 2}}
  reward: {kind: reward, data: pairs.jsonl, validation: 0.25, max_length: 128, batch_size: 4}
  whole: {kind: sft, data: train.jsonl, max_length: 128, batch_size: 4}
"""


@pytest.fixture
def recipe(work: Path) -> Path:
    (work / "both.yaml").write_text(RECIPE)
    asks = [{"id": str(n), "input": f"Say {n}", "target": str(n), "metadata": {"slice": f"s{n % 2}"}} for n in range(6)]
    twins = [
        {"id": f"{n}{want}", "input": f"{want} {n}", "metadata": {"group_id": str(n), "expected_behavior": want}}
        for n in range(3)
        for want in ("refuse", "answer")
    ]
    for name, rows in (("asks", asks), ("twins", twins)):
        (work / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return work


def test_a_run_leaves_its_report_and_cards_whose_code_works(
    recipe: Path, posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = posttrain("run", "both.yaml", "--out", "out")
    assert answer.code == 0, answer.err
    assert "the report is in out/report.html" in answer.err
    text = (recipe / "out/report.html").read_text()
    ElementTree.fromstring(text)
    for result in ("echo: contains", "echo: match, s0", "refusal: refused", "refusal: twins"):
        assert result in text
    assert "not tested" not in re.sub(r"<dt>.*?</dt>", "", text.partition('id="changes"')[2].partition("</section>")[0])
    stages = {"sft": "peft", "reward": "transformers", "whole": "transformers"}
    for stage, library in stages.items():
        folder = recipe / f"out/stages/{stage}/model"
        card = (folder / "README.md").read_text()
        assert ModelCard.load(folder / "README.md").data.library_name == library
        assert "More Information Needed" not in card
        (code,) = re.findall(r"```python\n(.*?)\n```", card, re.DOTALL)
        with monkeypatch.context() as patch:
            patch.chdir(folder)
            exec(compile(code, stage, "exec"), {})
        assert capsys.readouterr().out.strip()
        recorded = json.loads((folder.parent / "stage.json").read_text())["model"]
        assert "README.md" not in recorded


def test_an_edited_card_stays_and_no_stage_runs_again(recipe: Path, posttrain: Posttrain) -> None:
    command = ("run", "both.yaml", "--out", "out", "--set", "suites={}")
    assert posttrain(*command).code == 0
    path = recipe / "out/stages/whole/model/README.md"
    path.write_text("edited")
    written = (recipe / "out/stages/sft/model/README.md").read_bytes()
    (recipe / "out/stages/sft/model/README.md").unlink()
    again = posttrain(*command)
    assert again.err.count("done already, with the same inputs") == 3
    assert path.read_text() == "edited"
    assert (recipe / "out/stages/sft/model/README.md").read_bytes() == written


def test_a_failure_of_the_report_is_noted_and_the_run_succeeds(
    recipe: Path, posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError("no page")

    monkeypatch.setattr(reports, "write_run_report", fails)
    monkeypatch.setattr(reports, "write_model_card", fails)
    answer = posttrain("run", "recipe.yaml", "--out", "out")
    assert answer.code == 0, answer.err
    assert "the report was not written: no page" in answer.err
    assert "the model card of sft was not written: no page" in answer.err


def test_a_run_that_cannot_go_on_leaves_a_report_of_what_is_done(
    recipe: Path, posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(stage: StageOptions) -> Runner:
        def run(stage: StageOptions, context: Context) -> dict[str, Figure]:
            (context.folder / "metrics.jsonl").write_text('{"step": 1, "lo')
            raise RunError("the loss diverged")

        return Runner(run, runner_of(stage).preview) if stage.kind_name() == "reward" else runner_of(stage)

    monkeypatch.setattr(pipeline_ranks, "runner_of", broken)
    answer = posttrain("run", "both.yaml", "--out", "out", "--set", "suites={}")
    assert answer.code == 1, answer.err
    text = (recipe / "out/report.html").read_text()
    assert "This run is not finished: reward and whole not done." in text
    assert "Stage reward was interrupted" in text
    assert "Stage whole has not begun." in text
