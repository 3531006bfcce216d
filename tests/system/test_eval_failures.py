"""`posttrain eval failures`: failed items become work that the other commands take."""

import json
from pathlib import Path
from typing import Any

import pytest

from command_line import Posttrain

SUITE = """\
suites:
  numbers: {data: rows.jsonl, metrics: match}
"""
ROWS = [{"id": f"q{n}", "input": f"Say {n}", "target": str(n), "tests": f"t{n}"} for n in range(6)]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def run(work: Path, posttrain: Posttrain) -> Path:
    """A run folder with the saved behaviour of the start model and of one stage."""
    write_rows(work / "rows.jsonl", ROWS)
    (work / "suites.yaml").write_text(SUITE)
    for place, right in (("base", 0), ("stages/sft", 4)):
        saved = [{"id": f"q{n}", "answer": str(n) if n < right else f"{place} {n}"} for n in range(6)]
        write_rows(work / "saved.jsonl", saved)
        out = f"run/{place}/behaviour"
        assert posttrain("eval", "--saved", "saved.jsonl", "--suite", "suites.yaml", "--out", out).code == 0
        (work / out / "evaluation.json").unlink()
    recipe = {"suites": {"numbers": {"data": "rows.jsonl", "metrics": "match"}}}
    (work / "run/manifest.json").write_text(json.dumps({"recipe_file": str(work / "r.yaml"), "recipe": recipe}))
    return work


def test_ranking_items_go_into_the_ranking_app(run: Path, posttrain: Posttrain) -> None:
    answer = posttrain("eval", "failures", "run", "--to", "ranking", "--out", "rank.jsonl")
    assert answer.code == 0, answer.err
    assert "numbers, sft: 2 failed questions" in answer.out
    rows = read_rows(run / "rank.jsonl")
    assert [(row["id"], row["prompt"]) for row in rows] == [("numbers/q4", "Say 4"), ("numbers/q5", "Say 5")]
    assert {one["text"] for one in rows[0]["candidates"]} == {"base 4", "stages/sft 4"}
    answer = posttrain("annotate", "import", "rank.jsonl", "--project", "failures", "--json")
    assert answer.code == 0, answer.err
    assert "2" in answer.out


def test_prompts_train_with_grpo(run: Path, posttrain: Posttrain) -> None:
    assert posttrain("eval", "failures", "run:base", "--to", "prompts", "--out", "prompts.jsonl").code == 0
    assert [row["tests"] for row in read_rows(run / "prompts.jsonl")] == [f"t{n}" for n in range(6)]
    (run / "grpo.yaml").write_text(
        "model: model\nstages:\n  grpo: {kind: grpo, data: prompts.jsonl, rewards: {match: {kind: match}}, "
        "max_new_tokens: 4, num_generations: 2, batch_size: 2}\n"
    )
    answer = posttrain("plan", "grpo.yaml", "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)[0]["parts"]["train"]["groups"] == 6


def test_sft_rows_without_a_completion_are_counted_as_left_out(run: Path, posttrain: Posttrain) -> None:
    assert posttrain("eval", "failures", "run:sft", "--to", "sft", "--out", "todo.jsonl").code == 0
    rows = read_rows(run / "todo.jsonl")
    assert [row["meta_wrong_answer"] for row in rows] == ["stages/sft 4", "stages/sft 5"]
    write_rows(run / "todo.jsonl", [{**rows[0], "completion": "4"}, rows[1]])
    (run / "sft.yaml").write_text("model: model\nstages:\n  sft: {kind: sft, data: todo.jsonl}\n")
    answer = posttrain("plan", "sft.yaml", "--json")
    assert answer.code == 0, answer.err
    (plan,) = json.loads(answer.out)
    assert plan["parts"]["train"]["groups"] == 1
    assert any("empty completion" in note and "todo.jsonl:2" in note for note in plan["notes"])


def test_a_folder_of_results_and_a_run_without_its_data_serve_too(run: Path, posttrain: Posttrain) -> None:
    write_rows(run / "saved.jsonl", [{"id": f"q{n}", "answer": "x"} for n in range(6)])
    assert posttrain("eval", "--saved", "saved.jsonl", "--suite", "suites.yaml", "--out", "out").code == 0
    call = ("--to", "prompts", "--suite", "numbers", "--out")
    assert posttrain("eval", "failures", "out", *call, "a.jsonl").code == 0
    assert len(read_rows(run / "a.jsonl")) == 6
    (run / "rows.jsonl").unlink()
    answer = posttrain("eval", "failures", "run", *call, "b.jsonl")
    assert answer.code == 0
    assert "its data cannot be read any more" in answer.err
    assert [row["prompt"] for row in read_rows(run / "b.jsonl")] == ["Say 4", "Say 5"]


def test_a_run_of_an_older_version_gives_its_failures(run: Path, posttrain: Posttrain) -> None:
    old = {"id": "q1", "slice": None, "question": "Why?", "target": "so", "answer": "no", "value": 0.0}
    write_rows(run / "run/stages/sft/behaviour/samples_numbers.jsonl", [old, {**old, "id": "q2", "value": 1.0}])
    write_rows(run / "run/base/behaviour/samples_numbers.jsonl", [{**old, "answer": "eh"}])
    recipe = {"suites": {"numbers": {"data": [{"path": "rows.jsonl"}], "metric": "exact"}}}
    (run / "run/manifest.json").write_text(json.dumps({"recipe_file": None, "recipe": recipe}))
    answer = posttrain("eval", "failures", "run", "--to", "ranking", "--out", "old.jsonl", "--json")
    assert json.loads(answer.out)["failed"] == {"numbers": 1}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (["nowhere", "--to", "sft", "--out", "x.jsonl"], "nowhere: there is no such run"),
        (["run:dpo", "--to", "sft", "--out", "x.jsonl"], "no results of a stage dpo (it has those of base, sft)"),
        (["run", "--to", "dpo", "--out", "x.jsonl"], "--to dpo: should be ranking, sft, prompts"),
        (["run", "--to", "sft", "--out", "x.csv"], "ends in .jsonl"),
        (["run", "--to", "sft", "--suite", "facts", "--out", "x.jsonl"], "--suite facts: run has no samples of it"),
        (["model", "--to", "sft", "--out", "x.jsonl"], "model: has no results of suites"),
    ],
)
def test_bad_input_is_one_sentence(run: Path, posttrain: Posttrain, call: list[str], message: str) -> None:
    answer = posttrain("eval", "failures", *call)
    assert (answer.code, message in answer.err) == (2, True), answer.err
    assert not (run / "x.jsonl").exists()
