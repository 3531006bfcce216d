"""The suite of a first recipe: its metric follows from the answers, and the recipe runs as it is written."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from advising import labelled, many_names, pairs, prompts, records, refusals, replies, sum_prompts, sums, write
from command_line import Posttrain

Rows = list[Mapping[str, Any]]


def in_messages(rows: Iterable[Mapping[str, str]]) -> Rows:
    return [
        {"messages": [{"role": "user", "content": r["prompt"]}, {"role": "assistant", "content": r["completion"]}]}
        for r in rows
    ]


def marked(count: int) -> Rows:
    return [{**row, "label": n % 3 > 0} for n, row in enumerate(replies(count))]


def numbered(count: int) -> Rows:
    return [{"text": row["completion"], "label": str(n % 2)} for n, row in enumerate(replies(count))]


def in_classes(count: int, answer: str = "completion") -> Rows:
    """Prompts, nearly all with a number as the answer, and a class of each prompt, which is no answer to it."""
    return [
        {
            "prompt": row["prompt"],
            answer: row["target"] if n % 25 else "That depends on what one counts, and on the day.",
            "category": ("sums", "additions")[n % 2],
        }
        for n, row in enumerate(sum_prompts(count))
    ]


def rankings(count: int) -> Rows:
    return [
        {
            "prompt": row["prompt"],
            "candidates": [{"id": name, "text": f"{row['completion']} {name}"} for name in "abc"],
            "ranks": {"a": 2, "b": 1, "c": 3},
        }
        for row in replies(count)
    ]


EQUAL = {"equal": {"kind": "json_fields", "whole": True}}
LABEL = {"match": {"kind": "match", "how": "label", "labels": ["mild", "severe", "none"]}}

CASES: Mapping[str, tuple[str, Rows, str, Mapping[str, Any]]] = {
    "records": ("sft", [*records(60)], "answers", {"metrics": EQUAL}),
    "messages": ("sft", in_messages(records(60)), "answers", {"metrics": EQUAL}),
    "labels": ("sft", [*labelled(60)], "answers", {"metrics": LABEL}),
    "numbered labels": (
        "sft",
        numbered(60),
        "answers",
        {"metrics": {"match": {**LABEL["match"], "labels": ["0", "1"]}}},
    ),
    "sums": ("sft", [*sums(60)], "answers", {"metrics": "math"}),
    "refusals": ("sft", [*refusals(30), *replies(60)], "refusals", {"kind": "refusal"}),
    "replies": ("sft", [*replies(60)], "answers", {"metrics": "rouge"}),
    "texts": (
        "sft",
        [{"text": row["completion"]} for row in replies(60)],
        "texts",
        {"kind": "perplexity", "window": 256, "stride": 128},
    ),
    "tasks": ("ift", [*many_names(60)], "answers", {"metrics": "rouge"}),
    "pairs": ("dpo", [*pairs(60)], "answers", {"metrics": "rouge"}),
    "rankings": ("dpo", rankings(60), "answers", {"metrics": "rouge"}),
    "marked": ("kto", marked(90), "answers", {"metrics": "rouge"}),
    "scored": ("reward", [*pairs(60)], "pairs", {"kind": "preferences"}),
    "rlhf": ("ppo", rankings(60), "pairs", {"kind": "preferences"}),
    "numbers beside a class": ("sft", in_classes(60), "answers", {"metrics": "math"}),
    "checked beside a class": (
        "grpo",
        in_classes(60, answer="target"),
        "answers",
        {"metrics": {"math": {"kind": "math", "target": "target"}}},
    ),
    "checked": ("grpo", [*sum_prompts(60)], "answers", {"metrics": {"math": {"kind": "math", "target": "target"}}}),
    "taught": ("distill", [*sum_prompts(60)], "answers", {"metrics": {"math": {"kind": "math", "target": "target"}}}),
}
"""Case → kind, rows, the suite's name, its keys."""


@pytest.mark.parametrize("case", CASES)
def test_the_metric_follows_from_the_answers_and_the_gate_is_a_right_one(
    case: str, work: Path, posttrain: Posttrain
) -> None:
    kind, rows, name, keys = CASES[case]
    write(work, {"rows.jsonl": rows})
    answer = posttrain("init", kind, "--data", "rows.jsonl", "--model", "model", "--to", "out")
    assert answer.code == 0, answer.err
    path = Path("out/recipe.yaml")
    suites = yaml.safe_load(path.read_text())["suites"]
    written = dict(suites[name])
    written.pop("max_new_tokens", None)
    assert (list(suites), written) == ([name], {**keys, "data": "test.jsonl"})
    assert posttrain("validate", str(path)).code == 0
    path.write_text(re.sub(r"^( +)# (gates: .*)$", r"\1\2", path.read_text(), count=1, flags=re.MULTILINE))
    assert "gates" in next(iter(yaml.safe_load(path.read_text())["stages"].values()))
    checked = posttrain("validate", str(path))
    assert checked.code == 0, checked.err


@pytest.mark.parametrize("case", ["labels", "texts", "marked", "scored", "checked"])
def test_the_recipe_runs_as_it_is_written(case: str, work: Path, posttrain: Posttrain) -> None:
    kind, rows, name, _ = CASES[case]
    write(work, {"rows.jsonl": rows})
    assert posttrain("init", kind, "--data", "rows.jsonl", "--model", "model", "--to", "out", "--test", "5").code == 0
    short = [f"stages.{kind}.{key}" for key in ("max_steps=1", "batch_size=2")]
    short += [f"suites.{name}.max_new_tokens=4"] if "max_new_tokens" in Path("out/recipe.yaml").read_text() else []
    options = [word for key in short for word in ("--set", key)]
    done = posttrain("run", "out/recipe.yaml", "--out", "run", *options)
    assert done.code == 0, done.err
    summary = json.loads(Path("run/summary.json").read_text())
    assert any(key.startswith(name) for key in summary[kind]), summary


def test_reports_name_the_tasks_of_the_rows(work: Path, posttrain: Posttrain) -> None:
    rows = many_names(60)
    write(work, {"rows.jsonl": rows})
    assert posttrain("init", "ift", "--data", "rows.jsonl", "--model", "model", "--to", "out").code == 0
    task_of = {row["prompt"]: row["task"] for row in rows}
    for line in Path("out/test.jsonl").read_text().splitlines():
        row = json.loads(line)
        assert row["metadata"]["slice"] == task_of[row["prompt"]]


def test_a_suite_of_refusals_says_which_requests_to_refuse(work: Path, posttrain: Posttrain) -> None:
    write(work, {"rows.jsonl": [*refusals(30), *replies(60)]})
    assert posttrain("init", "sft", "--data", "rows.jsonl", "--model", "model", "--to", "out").code == 0
    for line in Path("out/test.jsonl").read_text().splitlines():
        row = json.loads(line)
        expected = "refuse" if row["prompt"].startswith("Dose of") else "answer"
        assert row["metadata"]["expected_behavior"] == expected


def test_grpo_trains_on_the_reward_that_reads_the_answers(work: Path, posttrain: Posttrain) -> None:
    init = ("init", "grpo", "--model", "model", "--data")
    write(work, {"rows.jsonl": in_classes(60, answer="answer"), "prompts.jsonl": prompts(60)})
    answer = posttrain(*init, "rows.jsonl", "--to", "out")
    assert answer.code == 0, answer.err
    assert "reads the column `answer`" in " ".join(answer.err.split())
    stage = yaml.safe_load(Path("out/recipe.yaml").read_text())["stages"]["grpo"]
    assert stage["rewards"] == {"right": {"kind": "math", "target": "answer"}}
    answer = posttrain("init", "grpo", "--data", "prompts.jsonl", "--model", "model", "--to", "none")
    assert answer.code == 2
    assert "no column holds answers" in answer.err
    assert not Path("none").exists()


def test_labels_are_the_answers_to_prompts_only_if_the_user_says_so(work: Path, posttrain: Posttrain) -> None:
    write(work, {"rows.jsonl": labelled(60)})
    init = ("init", "grpo", "--data", "rows.jsonl", "--model", "model", "--to", "out")
    refused = posttrain(*init)
    assert refused.code == 2
    assert "add --columns target=label" in refused.err
    assert not Path("out").exists()
    accepted = posttrain(*init, "--columns", "target=label")
    assert accepted.code == 0, accepted.err
    stage = yaml.safe_load(Path("out/recipe.yaml").read_text())["stages"]["grpo"]
    assert stage["rewards"] == {"right": {**LABEL["match"], "target": "label"}}
    missing = posttrain(*init[:-1], "other", "--columns", "target=labels")
    assert missing.code == 2
    assert "no column `labels`" in missing.err


@pytest.mark.parametrize("key", ["content", "reasoning_content"])
def test_the_limit_of_tokens_has_room_for_the_reasoning(key: str, work: Path, posttrain: Posttrain) -> None:
    def answer(n: int) -> dict[str, str]:
        thought = "x" * 640
        text = f"<think>{thought}</think>{2 * n}" if key == "content" else f"{2 * n}"
        return {"role": "assistant", key: thought, "content": text}

    rows = [{"messages": [{"role": "user", "content": f"Add {n} and {n}"}, answer(n)]} for n in range(60)]
    write(work, {"rows.jsonl": rows})
    command = ("init", "sft", "--data", "rows.jsonl", "--to", "out")
    answered = posttrain(*command, "--model", "organisation/model-1B")  # not on this disk: 4 characters per token
    assert answered.code == 0, answered.err
    suite = yaml.safe_load(Path("out/recipe.yaml").read_text())["suites"]["answers"]
    assert suite["metrics"] == "math"
    assert 2 * 640 / 4 <= suite["max_new_tokens"] <= 2 * 660 / 4


def test_ppo_gets_the_prompts_of_the_training_rankings_once(work: Path, posttrain: Posttrain) -> None:
    write(work, {"rows.jsonl": [*rankings(60), *rankings(60)]})
    assert posttrain("init", "ppo", "--data", "rows.jsonl", "--model", "model", "--to", "out").code == 0
    trained = [json.loads(line)["prompt"] for line in Path("out/train.jsonl").read_text().splitlines()]
    listed = [json.loads(line)["prompt"] for line in Path("out/prompts.jsonl").read_text().splitlines()]
    assert len(listed) < len(trained)
    assert listed == list(dict.fromkeys(trained))
