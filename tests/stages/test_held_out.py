"""Held-out answers: what they are worth by hand, and the alarm for a reward that is gamed."""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiences import NONE, experience, generation, numbered_prompt
from posttrain.console import Screen
from posttrain.core.group import Floats, Group
from posttrain.errors import RunError
from posttrain.rewards.score import Reward
from posttrain.rewards.types import per_completion
from posttrain.rollouts.options import AlarmOptions
from posttrain.rollouts.scoring import Scorer
from posttrain.rollouts.types import Rollout
from posttrain.stages import held_out
from posttrain.stages.context import Context
from posttrain.stages.held_out import held_out_rewards
from posttrain.train.step import Mean


class Noted(Screen):
    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.notes: list[str] = []

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)


Measure = Callable[[], Mapping[str, Mean]]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Measure, Noted]]:
    """A measure of answers that are given instead of written."""

    def build(
        some: Rollout,
        *,
        gold: Mapping[str, Callable[[str, Mapping[str, Any]], float | None]] | None = None,
        before: Mapping[str, float | None] | None = None,
        reference: Callable[[Sequence[Group]], list[Floats]] | None = None,
        alarms: AlarmOptions | None = None,
    ) -> tuple[Measure, Noted]:
        from types import SimpleNamespace

        monkeypatch.setattr(held_out, "write_and_score", lambda *a, **k: some)
        writing: Any = SimpleNamespace(sampling=SimpleNamespace(seed=0), prompts=[], server=None)
        if before is not None:
            (tmp_path / "before.json").write_text(json.dumps({name: [value, 4] for name, value in before.items()}))
        rewards = {name: Reward(per_completion(function)) for name, function in (gold or {}).items()}
        scorer = Scorer(rewards, {}, 64, 1.0, lambda sentence: None)
        screen = Noted()
        context = Context("grpo", tmp_path, tmp_path, "model", 0, screen=screen)
        prompts = [numbered_prompt(n) for n in range(len(some.prompts))]
        return held_out_rewards(writing, prompts, scorer, reference, alarms or AlarmOptions(), context), screen

    return build


def test_figures_by_hand(opened: Callable[..., tuple[Measure, Noted]]) -> None:
    written = [[generation([4, 5], [-1.0, -2.0])], [generation([6], [-0.5], ended=False)], [generation([7])]]
    parts = {"a": [[1.0], [0.0], [NONE]], "b": [[2.0], [NONE], [NONE]]}
    some = experience([[3.0], [0.0], [NONE]], written, parts)

    def reference(groups: Sequence[Group]) -> list[Floats]:
        return [g.columns["old_logp"] - np.float32(0.25) for g in groups]

    measure, _ = opened(some, gold={"long": lambda text, row: float(len(text))}, reference=reference)
    assert measure() == {
        "eval_reward": Mean(1.5, 2),
        "eval_rewards/a": Mean(0.5, 2),
        "eval_rewards/b": Mean(2.0, 1),
        "eval_gold/long": Mean(pytest.approx(5 / 3), 3),
        "eval_kl": Mean(pytest.approx(0.25 * 4 / 3), 3),
        "eval_completions/mean_length": Mean(pytest.approx(4 / 3), 3),
        "eval_completions/clipped_ratio": Mean(pytest.approx(1 / 3), 3),
    }


def test_what_no_reward_applies_to_is_missing_evidence_without_a_warning(
    opened: Callable[..., tuple[Measure, Noted]],
) -> None:
    measure, screen = opened(
        experience([[NONE], [NONE]]), gold={"g": lambda text, row: None}, before={"eval_reward": 0, "eval_gold/g": 1}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measure()
    assert found["eval_reward"] == found["eval_gold/g"] == Mean(None, 0)
    assert screen.notes == []


SPREAD = np.std([0.0, 0.0, 0.0, 1.0], ddof=1) / 2
"""Standard error of the gold rewards below, whose mean is a quarter."""


@pytest.mark.parametrize(
    ("reward_before", "gold_before", "rings"),
    [
        (0.4, 0.25 + 2.1 * SPREAD, True),
        (0.4, 0.25 + 1.9 * SPREAD, False),  # within two standard errors
        (0.6, 0.25 + 2.1 * SPREAD, False),  # the reward fell too
        (0.5, 9.0, False),  # the reward stayed
        (None, 9.0, False),
        (0.4, None, False),
        (0.4, 0.0, False),  # both rose
    ],
)
def test_the_alarm_rings_when_gold_falls_while_the_reward_rises(
    reward_before: float | None, gold_before: float | None, rings: bool, opened: Callable[..., tuple[Measure, Noted]]
) -> None:
    some = experience([[0.5]] * 4, [[generation([n])] for n in (4, 5, 6, 7)])
    before = {"eval_reward": reward_before, "eval_gold/seven": gold_before}
    measure, screen = opened(some, gold={"seven": lambda text, row: float(text == "7")}, before=before)
    measure()
    assert len(screen.notes) == rings
    if rings:
        assert screen.notes[0].startswith("alarm: the reward went up (0.4 to 0.5) while gold/seven fell")


@pytest.mark.parametrize(("options", "stops"), [({"action": "stop"}, True), ({"action": "stop", "gold": False}, False)])
def test_it_can_stop_the_run_or_be_switched_off(
    options: dict[str, Any], stops: bool, opened: Callable[..., tuple[Measure, Noted]]
) -> None:
    some = experience([[0.5]] * 2)
    measure, screen = opened(
        some,
        gold={"g": lambda text, row: 0.0},
        before={"eval_reward": 0.0, "eval_gold/g": 1.0},
        alarms=AlarmOptions.model_validate(options),
    )
    if stops:
        with pytest.raises(RunError, match="gamed"):
            measure()
    else:
        measure()
    assert screen.notes == []
