"""Sums of rewards, rewards that do not apply, and failures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from posttrain.errors import InputError, RunError
from posttrain.rewards.registry import RewardSpec
from posttrain.rewards.score import NO_REASON, Reward, open_rewards
from posttrain.rewards.types import Failed, NotApplicable, per_completion
from scored_texts import score_completions

SCORES = st.none() | st.floats(-5, 5)


def fixed(values: list[Any]) -> Reward:
    return Reward(lambda completions, rows: values)


def wheres(n: int) -> list[str]:
    return [f"rows.jsonl:{i + 1}" for i in range(n)]


@given(st.lists(st.tuples(SCORES, SCORES), min_size=1, max_size=6), st.floats(-3, 3), st.floats(-3, 3))
def test_the_total_is_the_weighted_sum_of_what_applies(pairs: list[tuple[Any, Any]], u: float, v: float) -> None:
    a, b = ([pair[i] for pair in pairs] for i in (0, 1))
    rewards = {"a": Reward(lambda c, r: a, u), "b": Reward(lambda c, r: b, v)}
    scored = score_completions(rewards, [""] * len(pairs), [{}] * len(pairs), wheres(len(pairs)))
    for (x, y), total in zip(pairs, scored.total, strict=True):
        parts = [w * value for w, value in ((u, x), (v, y)) if value is not None]
        assert total == (pytest.approx(sum(parts)) if parts else None)
    assert scored.components == {"a": tuple(a), "b": tuple(b)}
    assert not scored.failures


@pytest.mark.parametrize("number", [1, True, 0.5, np.float32(2), np.array(3.0), torch.tensor(0.25)])
def test_scalars_of_python_numpy_and_torch_are_numbers(number: Any) -> None:
    assert score_completions({"a": fixed([number])}, ["x"], [{}], ["r:1"]).total == (float(number),)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 1e39, -1e308, "1.0", [1], torch.ones(2), object(), 10**400, Failed("why not")],
)
def test_a_value_that_is_no_number_is_a_failure_that_names_row_and_reward(value: Any) -> None:
    scored = score_completions({"a": fixed([1.0, value]), "b": fixed([0.5, 0.5])}, ["", ""], [{}, {}], wheres(2))
    assert scored.components["a"] == (1.0, None)
    assert scored.total == (1.5, 0.5)
    assert len(scored.failures) == 1
    assert scored.failures[0].startswith("rows.jsonl:2: reward `a`: ")


def test_a_reward_that_does_not_apply_is_no_failure_and_is_counted_by_reason() -> None:
    null, cut = NotApplicable("`target` is null"), NotApplicable("the completion was cut")
    scored = score_completions(
        {"a": fixed([null, None, null, 1.0]), "b": fixed([0.5, 0.5, cut, 0.5])}, [""] * 4, [{}] * 4, wheres(4)
    )
    assert scored.total == (0.5, 0.5, None, 1.5)
    assert scored.components == {"a": (None, None, None, 1.0), "b": (0.5, 0.5, None, 0.5)}
    assert scored.not_applicable == {"a": {null.reason: 2, NO_REASON: 1}, "b": {cut.reason: 1}}
    assert not scored.failures


def test_a_sum_that_float32_cannot_hold_is_a_failure_that_names_the_row() -> None:
    scored = score_completions(
        {"a": Reward(lambda c, r: [1e30, 1.0], 1e30), "b": fixed([1.0, 1.0])}, ["", ""], [{}, {}], wheres(2)
    )
    assert scored.total == (None, 1e30 + 1.0)
    (sentence,) = scored.failures
    assert sentence.startswith("rows.jsonl:1: ")


def failing(share: int) -> Reward:
    def score_one(completion: str, row: Any) -> float:
        if row["i"] < share:
            raise ValueError(f"row {row['i']} is odd")
        return 1.0

    return Reward(per_completion(score_one))


def test_few_failures_are_recorded_and_many_stop_the_run() -> None:
    rows = [{"i": i} for i in range(20)]
    scored = score_completions({"a": failing(2)}, [""] * 20, rows, wheres(20))
    assert [text.split(" (")[0] for text in scored.failures] == [
        f"rows.jsonl:{i + 1}: reward `a`: ValueError: row {i} is odd" for i in range(2)
    ]
    with pytest.raises(RunError, match=r"reward `a` failed on 3 of 20 completions.* 10%") as raised:
        score_completions({"a": failing(3)}, [""] * 20, rows, wheres(20))
    assert "rows.jsonl:3: reward `a`: ValueError: row 2 is odd" in str(raised.value)
    assert score_completions({"a": failing(3)}, [""] * 20, rows, wheres(20), max_failures=0.2).total[2:4] == (None, 1.0)


def test_one_bad_row_among_good_ones_never_stops_a_run() -> None:
    rows = [{"i": 0}] * 8 + [{"i": 1}] * 8
    places = ["r:1"] * 8 + ["r:2"] * 8
    assert len(score_completions({"a": failing(1)}, [""] * 16, rows, places).failures) == 8
    with pytest.raises(RunError):
        score_completions({"a": failing(1)}, [""] * 8, rows[:8], places[:8])


def test_a_batch_function_that_raises_or_miscounts_fails_on_every_row() -> None:
    def broken(completions: Any, rows: Any) -> Any:
        raise KeyError("answer")

    for reward, problem in ((Reward(broken), r"KeyError: 'answer'"), (fixed([1.0]), "gave 1 scores for 2 completions")):
        assert len(score_completions({"a": reward}, ["", ""], [{}, {}], wheres(2), max_failures=1.0).failures) == 2
        with pytest.raises(RunError, match=problem):
            score_completions({"a": reward}, ["", ""], [{}, {}], wheres(2))


def test_rewards_of_a_recipe_are_opened_and_scored(tmp_path: Path) -> None:
    specs = TypeAdapter(dict[str, RewardSpec]).validate_python(
        {
            "right": {"kind": "math", "target": "answer", "weight": 2},
            "short": {"kind": "length", "free": 3, "margin": 4},
            "judged": {"kind": "model", "model": "ranker"},
        }
    )
    opened = open_rewards(specs, tmp_path)
    assert list(opened) == ["right", "short"]
    scored = score_completions(opened, ["#### 4", "it is 5 or so I think"], [{"answer": 4}, {"answer": 4}], wheres(2))
    assert scored.total == (2.0, -1.0)


def test_a_reward_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    specs = TypeAdapter(dict[str, RewardSpec]).validate_python(
        {"mine": {"kind": "python", "file": "none.py", "function": "f"}}
    )
    with pytest.raises(InputError, match=r"^rewards\.mine: file: .*none\.py is no file"):
        open_rewards(specs, tmp_path)
