"""A suite of preferences in a run: it measures reward models alone, and other suites measure models that write."""

import json
import re
from pathlib import Path

import pytest

from command_line import Posttrain

RECIPE = """\
model: model
suites:
  echo: {data: asks.jsonl, metrics: contains, max_new_tokens: 4}
  taste: {kind: preferences, data: pairs.jsonl, rows: 8}
stages:
  sft: {kind: sft, data: train.jsonl, max_length: 128, max_steps: 1}
  reward: {kind: reward, model: sft, data: pairs.jsonl, max_length: 128, max_steps: 1}
"""


def test_each_suite_measures_the_models_that_it_is_for(work: Path, posttrain: Posttrain) -> None:
    (work / "asks.jsonl").write_text('{"input": "Say 1", "target": "1"}\n')
    (work / "recipe.yaml").write_text(RECIPE)
    assert posttrain("plan", "recipe.yaml").code == 0
    answer = posttrain("run", "recipe.yaml", "--out", "out", "--json")
    assert answer.code == 0, answer.err
    summary = json.loads(answer.out)
    assert "echo" in summary["sft"]
    assert "taste/accuracy" not in summary["sft"]
    assert "echo" not in summary["reward"]
    assert {"taste/accuracy", "taste/accuracy_length_matched", "taste/longer_wins"} <= summary["reward"].keys()
    assert summary["reward"]["taste/accuracy"]["n"] == 8
    folder = work / "out/stages/reward/behaviour"
    assert sorted(path.name for path in folder.iterdir()) == ["results.json", "samples_taste.jsonl"]
    assert "samples_taste.jsonl" not in [path.name for path in (work / "out/base/behaviour").iterdir()]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rows: 8}", "stages: [sft]}", "suites.taste.stages: .*measures reward models; sft trains a model that writes"),
        ("max_new_tokens: 4}", "stages: [reward]}", "suites.echo.stages: .*; reward trains a reward model"),
        ("  reward:", "  other: {kind: sft, data: train.jsonl}\n#", "suites.taste.*: .*no stage trains one"),
    ],
)
def test_a_suite_that_would_never_be_measured_is_named(
    work: Path, posttrain: Posttrain, old: str, new: str, message: str
) -> None:
    (work / "asks.jsonl").write_text('{"input": "Say 1", "target": "1"}\n')
    (work / "recipe.yaml").write_text(RECIPE.replace(old, new))
    answer = posttrain("plan", "recipe.yaml")
    assert answer.code == 2
    assert re.search(message, " ".join(answer.err.split()))


def test_the_audit_reads_rankings_and_texts_of_suites_as_such(work: Path, posttrain: Posttrain) -> None:
    (work / "texts.jsonl").write_text('{"text": "A text of the library, which nobody trains on."}\n')
    stages = "stages:\n  reward: {kind: reward, data: pairs.jsonl, max_length: 128, max_steps: 1}\n"
    suites = "suites:\n  old: {kind: perplexity, data: texts.jsonl}\n  taste: {kind: preferences, data: pairs.jsonl}\n"
    (work / "recipe.yaml").write_text("model: model\n" + suites + stages)
    answer = posttrain("audit", "--recipe", "recipe.yaml", "--json")
    found = json.loads(answer.out)["reward"]
    assert {name: (file["kind"], file["rows"]) for name, file in found["files"].items()} == {
        "pairs.jsonl": ("preference", 16),
        "texts.jsonl": ("sft", 1),
    }
    assert [finding["name"] for finding in found["findings"]] == ["leakage-exact"]
