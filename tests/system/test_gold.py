"""Gold evaluation rows never train: run, plan and validate stop at the row."""

import json
from pathlib import Path

import pytest

from command_line import Posttrain


@pytest.fixture
def gold(work: Path, posttrain: Posttrain) -> Path:
    """The recipe's folder with a gold file: one of its prompts is in both data files."""
    rows = [{"input": "Something else", "target": "x"}, {"input": "say 7!", "target": "7"}]
    (work / "adjudicated.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    answer = posttrain("eval", "gold", "adjudicated.jsonl", "--recipe", "recipe.yaml", "--json")
    assert json.loads(answer.out) == {"file": "gold.hashes.jsonl", "new": 2, "total": 2}
    return work


@pytest.mark.parametrize("recipe", ["recipe.yaml", "pairs.yaml"])
@pytest.mark.parametrize("command", [("run",), ("plan",), ("validate",)])
def test_a_stage_whose_data_holds_a_gold_row_is_stopped_at_the_row(
    gold: Path, posttrain: Posttrain, command: tuple[str], recipe: str
) -> None:
    stage, file = ("sft", "train.jsonl") if recipe == "recipe.yaml" else ("dpo", "pairs.jsonl")
    answer = posttrain(*command, recipe)
    assert answer.code == 2
    assert f"stages.{stage}.data: {file}:8 has the prompt of the gold row adjudicated.jsonl:2" in answer.err
    assert not [*gold.glob("runs/*/stages/*")]


def test_without_the_row_the_stage_trains(gold: Path, posttrain: Posttrain) -> None:
    lines = (gold / "train.jsonl").read_text().splitlines(keepends=True)
    (gold / "train.jsonl").write_text("".join(lines[:7] + lines[8:]))
    answer = posttrain("run", "recipe.yaml", "--set", "stages.sft.max_steps=1")
    assert answer.code == 0, answer.err


def test_prompts_of_on_policy_stages_count_and_several_rows_are_counted(gold: Path, posttrain: Posttrain) -> None:
    rows = [{"prompt": f"Say {n % 4 + 7}", "target": "x"} for n in range(8)]
    (gold / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (gold / "grpo.yaml").write_text(
        "model: model\nstages:\n  grpo: {kind: grpo, data: prompts.jsonl, rewards: {match: {kind: match}}, "
        "max_new_tokens: 4, num_generations: 2, batch_size: 2}\n"
    )
    answer = posttrain("run", "grpo.yaml")
    assert answer.code == 2
    assert (
        "prompts.jsonl:1 has the prompt of the gold row adjudicated.jsonl:2 (other such rows: 1; prompts.jsonl:5)"
        in (answer.err)
    )


STACK = """\
model: model
stages:
  rank: {kind: rank, data: drafts.jsonl, simulated: 2}
  reward: {kind: reward, data: rank, max_steps: 1, max_length: 128}
"""


def test_data_that_an_earlier_stage_makes_is_checked_before_it_trains(gold: Path, posttrain: Posttrain) -> None:
    texts = ("short", "quite long", "the longest of all")
    candidates = [{"id": f"c{n}", "text": text} for n, text in enumerate(texts)]
    rows = [{"id": f"p{n}", "prompt": f"Say {n}", "candidates": candidates} for n in range(5, 9)]
    (gold / "drafts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (gold / "stack.yaml").write_text(STACK)
    answer = posttrain("run", "stack.yaml", "--out", "run")
    assert answer.code == 2
    assert "stages.reward.data: " in answer.err
    assert "has the prompt of the gold row adjudicated.jsonl:2" in answer.err
    assert (gold / "run/stages/rank/stage.json").is_file()
    assert not (gold / "run/stages/reward/model").exists()


def test_a_folder_without_a_gold_file_is_fine(work: Path, posttrain: Posttrain) -> None:
    answer = posttrain("validate", "recipe.yaml")
    assert answer.code == 0, answer.err


def test_the_recipe_of_a_gold_file_must_be_there(work: Path, posttrain: Posttrain) -> None:
    answer = posttrain("eval", "gold", "train.jsonl", "--recipe", "none.yaml")
    assert (answer.code, "none.yaml: there is no such recipe" in answer.err) == (2, True)
