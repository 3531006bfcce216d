"""Figures of a rollout by hand; each alarm when it should, and only then; the table of completions."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from experiences import NONE, experience, experiences, generation
from posttrain.core.group import Floats
from posttrain.rollouts import metrics
from posttrain.rollouts.alarms import alarm_messages
from posttrain.rollouts.options import AlarmOptions
from posttrain.rollouts.table import completion_rows, write_json_lines
from posttrain.rollouts.types import Rollout, with_column

FIRST = {"completions/mean_length": 10.0, "entropy": 2.0}


def test_figures_by_hand() -> None:
    written = [
        [generation([4, 5, 6], [-1.0, -2.0, -3.0]), generation([4] * 8, [-0.5] * 8, ended=False)],
        [generation([7], [-6.0]), generation([8, 9], [-1.0, -1.0])],
    ]
    measured = metrics.figures(experience([[1.0, 0.0], [0.25, 0.25]], written))
    assert measured == {
        "reward": pytest.approx(0.375),
        "reward_std": pytest.approx((np.sqrt(0.5) + 0.0) / 2),
        "rewards/only/mean": pytest.approx(0.375),
        "rewards/only/std": pytest.approx(np.std([1.0, 0.0, 0.25, 0.25], ddof=1)),
        "frac_reward_zero_std": 0.5,
        "pass_rate": 0.25,
        "entropy": pytest.approx((6 + 4 + 6 + 2) / 14),
        "completions/mean_length": 3.5,
        "completions/min_length": 1.0,
        "completions/max_length": 8.0,
        "completions/mean_terminated_length": 2.0,
        "completions/clipped_ratio": 0.25,
        "completions/repetition": pytest.approx(0.8 / 4),
    }


def test_missing_rewards_enter_no_metric() -> None:
    measured = metrics.figures(
        experience(
            [[1.0, NONE], [2.0, 1.0], [NONE, NONE]],
            components={"a": [[1.0, NONE], [1.0, 1.0], [NONE, NONE]], "b": [[NONE, NONE], [1.0, 0.0], [NONE, NONE]]},
        )
    )
    assert measured["reward"] == pytest.approx(4 / 3)
    assert measured["reward_std"] == pytest.approx(np.sqrt(0.5))
    assert measured["rewards/a/mean"] == 1.0
    assert measured["rewards/b/std"] == pytest.approx(np.sqrt(0.5))
    assert measured["pass_rate"] == pytest.approx(2 / 3)
    assert measured["frac_reward_zero_std"] == 0.5  # of groups with a reward


@pytest.mark.parametrize("shape", [(2, 1), (1, 1), (3, 2)])
def test_a_rollout_without_rewards_has_no_reward_metrics_and_no_warnings(shape: tuple[int, int]) -> None:
    nothing = np.full(shape, NONE).tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        measured = metrics.figures(experience(nothing))
    for name in ("reward", "reward_std", "rewards/only/mean", "rewards/only/std", "pass_rate"):
        assert measured[name] is None
    assert measured.get("frac_reward_zero_std") is None


@given(experiences)
def test_every_figure_can_be_written_as_json(rollout: Rollout) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        json.dumps({**metrics.figures(rollout)}, allow_nan=False)


def test_a_pass_rate_needs_rewards_between_0_and_1() -> None:
    def rate(*components: list[list[float]], costs: tuple[str, ...] = ()) -> float | None:
        named = {str(n): values for n, values in enumerate(components)}
        rollout = experience(components[0], components=named)
        object.__setattr__(rollout, "costs", frozenset(costs))
        return metrics.figures(rollout)["pass_rate"]

    assert rate([[1.0, 1.0]], [[0.5, 1.0]]) == 0.5
    assert rate([[1.0, -0.1]]) is None
    assert rate([[1.0, 0.5]], [[0.5, 1.5]]) is None
    assert rate([[1.0, 0.5]], [[0.0, 0.2]], costs=("1",)) == 0.5
    assert rate([[1.0, 0.5]], costs=("0",)) is None


def test_the_distance_to_the_reference_by_hand() -> None:
    groups = experience([[1.0, 0.0]], [[generation([4, 5], [-1.0, -2.0]), generation([6], [-0.5])]]).groups()
    ref: list[Floats] = [np.array([-1.5, -1.0, -0.5], np.float32)]
    measured = metrics.kl_figures(with_column(groups, "ref_logp", ref))
    assert measured["objective/kl"] == pytest.approx((0.5 - 1.0 + 0.0) / 2)
    assert measured["kl"] == pytest.approx((np.exp(-0.5) - 0.5 + np.exp(1.0) - 2.0) / 3)


def raised(measured: dict[str, float | None], first: dict[str, float], **options: float | None) -> list[str]:
    quiet = {"max_kl": None, "max_length_growth": None, "min_entropy": None}
    metrics_now = {"completions/mean_length": 10.0, "entropy": 2.0, **measured}
    return list(alarm_messages(metrics_now, first, AlarmOptions.model_validate({**quiet, **options})))


@pytest.mark.parametrize(
    ("measured", "options", "words"),
    [
        ({"objective/kl": 5.0}, {"max_kl": 5.0}, None),
        ({"objective/kl": 5.1}, {"max_kl": 5.0}, "limit of 5 (max_kl)"),
        ({"objective/kl": 99.0}, {}, None),
        ({"completions/mean_length": 40.0}, {"max_length_growth": 4.0}, None),
        ({"completions/mean_length": 41.0}, {"max_length_growth": 4.0}, "length explosion"),
        ({"completions/mean_length": 99.0}, {}, None),
        ({"entropy": 0.2}, {"min_entropy": 0.1}, None),
        ({"entropy": 0.19}, {"min_entropy": 0.1}, "collapse"),
        ({"entropy": 0.0}, {}, None),
    ],
)
def test_an_alarm_is_raised_only_beyond_its_limit(
    measured: dict[str, float | None], options: dict[str, float], words: str | None
) -> None:
    messages = raised(measured, FIRST, **options)
    assert len(messages) == (words is not None)
    assert words is None or words in messages[0]


def test_the_first_rollout_is_checked_only_against_the_kl_limit() -> None:
    wild: dict[str, float | None] = {"objective/kl": 9.0, "completions/mean_length": 999.0, "entropy": 0.0}
    options = {"max_kl": 5.0, "max_length_growth": 2.0, "min_entropy": 0.5}
    (only,) = raised(wild, {}, **options)
    assert "max_kl" in only
    assert len(raised(wild, FIRST, **options)) == 3


def test_repetition_is_the_share_of_grams_that_occurred_before() -> None:
    assert metrics.repetition(np.array([1, 2, 3], np.int32)) == 0.0
    assert metrics.repetition(np.array([1, 2, 3, 4, 1, 2, 3, 4], np.int32)) == pytest.approx(1 / 5)


def test_the_table_has_a_row_per_completion(tmp_path: Path) -> None:
    written = [[generation([4, 5]), generation([6], ended=False)], [generation([7]), generation([8])]]
    rollout = experience([[1.0, NONE], [0.0, 0.5]], written)
    write_json_lines(tmp_path / "new" / "t.jsonl", completion_rows(rollout, 3))
    rows = [json.loads(line) for line in (tmp_path / "new" / "t.jsonl").read_text().splitlines()]
    assert len(rows) == 4
    assert rows[1] == {
        "rollout": 3,
        "where": "prompts.jsonl:1",
        "prompt": "Say 0",
        "completion": "6",
        "tokens": 1,
        "ended": False,
        "reward": None,
        "rewards": {"only": None},
    }
