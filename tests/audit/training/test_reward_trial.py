"""Rewards tried on the rows' reference answers: right, wrong, not applicable or failed, and the findings on them."""

import json
from pathlib import Path
from typing import Any

import pytest

from posttrain.audit.training.reward_trial import prompt_rows, reward_findings, reward_lines, try_rewards
from posttrain.audit.training.trial import Trial, Tried
from posttrain.errors import InputError
from posttrain.recipe.stages.grpo import GRPOStage
from posttrain.rewards.types import NotApplicable

pytestmark = pytest.mark.filterwarnings("ignore:code runs with process limits")


def tried(folder: Path, data: list[dict[str, Any]], rewards: dict[str, Any], **how: Any) -> dict[str, Trial]:
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in data), encoding="utf-8")
    stage = GRPOStage.model_validate({"kind": "grpo", "data": "rows.jsonl", "rewards": rewards})
    trials = try_rewards(stage.rewards, prompt_rows(stage.data, folder), folder, **how)
    return {trial.reward: trial for trial in trials}


def rows_of(n: int = 6, **columns: Any) -> list[dict[str, Any]]:
    return [{"prompt": f"What is {i} and {i}?", "answer": str(2 * i), **columns} for i in range(n)]


def test_verdicts_on_reference_answers_are_counted(tmp_path: Path) -> None:
    rows = rows_of()
    rows[1]["answer"] = None
    rows[2]["label"] = "maybe"
    for row in rows:
        row.setdefault("label", "yes")
    rewards = {
        "right": {"kind": "math", "target": "answer"},
        "label": {"kind": "match", "target": "label", "how": "label", "labels": ["yes", "no"]},
        "short": {"kind": "length", "free": 0, "margin": 4},
        "asked": {"kind": "judge", "url": "http://localhost:9/v1", "model": "m"},
    }
    trials = tried(tmp_path, rows, rewards)
    right, label = trials["right"].counts, trials["label"].counts
    assert (right["rows"], right["right"], right["wrong"], right["failed"]) == (6, 5, 0, 0)
    assert sum(right["not_applicable"].values()) == 1
    assert (label["right"], label["failed"]) == (5, 1)
    assert trials["short"].counts["right"] is None, "how long is right is not known"
    assert trials["short"].scores == [-0.25] * 5
    assert trials["asked"].problem is not None
    lines = reward_lines(list(trials.values()))
    assert len(lines) == 4
    assert "5 right, 1 not applicable" in lines[0]
    assert "5 right, 1 failed (rows.jsonl:3: " in lines[1]
    assert not any(line.startswith("warning") for line in lines)


PROGRAM = "def double(x):\n    return 2 * x\n"
CODE = {"kind": "code", "tests": "tests", "entry_point": None, "sandbox": "process-limits", "workers": 1}


@pytest.mark.parametrize(
    "columns",
    [
        {"code": PROGRAM},
        {"solution": f"Here it is:\n```python\n{PROGRAM}```"},
        {"canonical_solution": PROGRAM, "solution": None},
        {"reference": PROGRAM},
        {"solutions": json.dumps([PROGRAM, "def double(x): return 0"])},
        {"solutions": [PROGRAM]},
        {"completion": [{"role": "assistant", "content": PROGRAM}]},
    ],
)
def test_programs_are_found_under_their_usual_names(tmp_path: Path, columns: dict[str, Any]) -> None:
    row = {"prompt": "Double it.", "tests": ["assert double(2) == 4"], **columns}
    assert tried(tmp_path, [row], {"passes": CODE})["passes"].counts["right"] == 1


def test_a_json_target_is_its_own_answer(tmp_path: Path) -> None:
    targets: list[Any] = [{"n": 1}, ["a", "b"], '["a", "b"]']
    rows = [{"prompt": f"{i}?", "target": target} for i, target in enumerate(targets)]
    assert tried(tmp_path, rows, {"same": {"kind": "json_fields"}})["same"].counts["right"] == 3


NEVER = "def never(completion, row):\n    return None\n\n\n"
NEVER += "def first(completion, row):\n    return len(completion.split()[0])\n"


def python(function: str) -> dict[str, Any]:
    return {"kind": "python", "file": "mine.py", "function": function}


def test_a_plan_warns_if_a_run_would_learn_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(NEVER, encoding="utf-8")
    rows = rows_of(tests=["assert f() == 1"], code="def f():\n    return 2\n", empty=None)
    rewards = {
        "never": python("never"),
        "null": {"kind": "match", "target": "empty"},
        "fails": CODE,
        "absent": {"kind": "match", "target": "nowhere"},
    }
    trials = tried(tmp_path, rows, rewards)
    lines = reward_lines(list(trials.values()))
    assert [line.startswith("warning: reward `") for line in lines] == [True] * 4
    assert trials["null"].counts["not_applicable"] == {"`empty` is null": 6}
    assert trials["fails"].counts["wrong"] == 6
    assert trials["absent"].counts["failed"] == 6
    names = {one.name: one.count for one in reward_findings(list(trials.values()))}
    assert names == {"reward-fails-on-reference": 6, "reward-misses-reference": 6, "reward-never-applies": 12}


def test_a_function_that_fails_on_an_empty_answer_gets_no_finding(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(NEVER, encoding="utf-8")
    rows = [{"prompt": "Say a."}, {"prompt": "Say b.", "answer": "b"}]
    trial = tried(tmp_path, rows, {"first": python("first")})["first"]
    assert (trial.scores, trial.failed, trial.counts["no_reference"]) == ([1.0], [], 1)
    assert not reward_findings([trial])


def test_a_plan_tries_a_bounded_number_of_rows(tmp_path: Path) -> None:
    rewards = {"right": {"kind": "math", "target": "answer"}}
    assert tried(tmp_path, rows_of(40), rewards, rows=20)["right"].counts["rows"] == 20
    assert tried(tmp_path, rows_of(40), rewards, rows=20, seconds=0.0)["right"].counts["rows"] == 8


def test_a_missing_reward_is_an_error_and_a_missing_sandbox_is_no_error_in_a_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="mine"):
        tried(tmp_path, rows_of(), {"mine": python("never")}, seconds=1.0)
    monkeypatch.setenv("PATH", str(tmp_path))
    boxed = {"passes": {"kind": "code", "tests": "answer"}}
    trial = tried(tmp_path, rows_of(), boxed, seconds=1.0)["passes"]
    assert trial.problem is not None
    assert "bubblewrap" in reward_lines([trial])[0]
    with pytest.raises(InputError, match="bubblewrap"):
        tried(tmp_path, rows_of(), boxed)


def test_there_is_no_warning_if_a_reward_applies_to_some_rows() -> None:
    some = (Tried("r:1", "a", NotApplicable("null")), Tried("r:2", "b", 1.0))
    assert not Trial("r", "match", some).never_applies
    assert not reward_lines([Trial("r", "match", some)])[0].startswith("warning")
