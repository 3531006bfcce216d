"""A rollout of a real small model: draws, dynamic sampling, alarms, and the state for the next rollout."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiences import numbered_prompt
from posttrain.advantages.grpo import varies
from posttrain.advantages.options import GRPOAdvantageOptions
from posttrain.core.group import Group
from posttrain.data.chat.renderer import Renderer
from posttrain.errors import RunError
from posttrain.generation.engine import policy_generate
from posttrain.generation.sampling import Sampling
from posttrain.policy.load import Policy, load_policy
from posttrain.rewards.score import Reward
from posttrain.rewards.types import NotApplicable, per_completion
from posttrain.rollouts.grpo import grpo_advantages
from posttrain.rollouts.maker import RolloutSpec, rollout_maker, write_and_score
from posttrain.rollouts.options import AlarmOptions
from posttrain.rollouts.scoring import Scorer
from posttrain.rollouts.types import AdvantageFn, Metrics, Rollout, RolloutState
from posttrain.train.batches import shuffled

GRPO = grpo_advantages(GRPOAdvantageOptions(scale_rewards="group", mask_truncated=False), reference=None)


@pytest.fixture(scope="module")
def policy(model: Path) -> Policy:
    return load_policy(str(model))


def worth(completion: str, row: Mapping[str, Any]) -> float | None:
    """Rewards differ only for odd numbers; a text without a number has no reward."""
    number = row.get("number")
    return None if number is None else float(len(completion) + sum(completion.encode())) if number % 2 else 1.0


def rollout_spec(policy: Policy, function: Callable[[str, Mapping[str, Any]], float | None] = worth) -> RolloutSpec:
    prompts = [numbered_prompt(n, number=n) for n in range(6)]
    scorer = Scorer({"worth": Reward(per_completion(function))}, {}, 256, 0.1, lambda sentence: None)
    renderer = Renderer(policy.tokenizer, None, frozenset(policy.end_tokens), 256)
    return RolloutSpec(
        policy,
        renderer,
        policy_generate(policy, 4),
        prompts,
        shuffled(6, 0),
        Sampling(5, seed=1),
        n=2,
        size=3,
        scorer=scorer,
    )


def made(
    writing: RolloutSpec,
    folder: Path,
    *,
    number: int = 0,
    state: RolloutState | None = None,
    credit: AdvantageFn = GRPO,
    alarms: AlarmOptions | None = None,
    notes: list[str] | None = None,
    rollouts: int | None = None,
) -> tuple[list[Group], Metrics, RolloutState]:
    on_note = ([] if notes is None else notes).append
    make = rollout_maker(writing, credit, alarms or AlarmOptions(), folder, on_note=on_note, rollouts=rollouts)
    return make(number, state or RolloutState(beta=0.3))


def tokens(some: Rollout) -> list[list[list[int]]]:
    return [[one.tokens.tolist() for one in group] for group in some.written]


def test_draws_do_not_depend_on_neighbours(policy: Policy) -> None:
    writing = rollout_spec(policy)
    together = write_and_score(writing, writing.prompts, range(10, 16), 3)
    alone = write_and_score(replace(writing, write=policy_generate(policy, 1)), writing.prompts[4:5], [14], 3)
    assert tokens(alone) == tokens(together)[4:5]
    assert tokens(write_and_score(writing, writing.prompts[4:5], [15], 3)) != tokens(alone)
    assert tokens(write_and_score(writing, writing.prompts[4:5], [14], 3, seed=2)) != tokens(alone)
    for a, b in zip(alone.written[0], together.written[4], strict=True):
        assert np.allclose(a.logp, b.logp, atol=1e-5)


def test_every_prompt_is_drawn_once_an_epoch_and_never_with_the_same_numbers(policy: Policy, tmp_path: Path) -> None:
    writing = replace(rollout_spec(policy), size=4)
    memory, drawn = RolloutState(), []
    for number in range(3):
        groups, _, memory = made(writing, tmp_path, number=number, state=memory)
        drawn += groups
    assert memory.cursor == 12
    assert [len({group.where for group in drawn[i : i + 6]}) for i in (0, 6)] == [6, 6]
    written = [tuple(c.tokens.tolist()) for group in drawn for c in group.completions]
    assert len(set(written)) == len(written)


def test_a_rollout_that_is_made_again_is_the_same(policy: Policy, tmp_path: Path) -> None:
    writing = rollout_spec(policy)
    (first, measured, memory), (again, retold, rememory) = (made(writing, tmp_path / name) for name in "ab")
    assert (measured, memory) == (retold, rememory)
    for a, b in zip(first, again, strict=True):
        assert a.where == b.where
        assert all(a.columns[name].tobytes() == b.columns[name].tobytes() for name in a.columns)
    files = [(tmp_path / name / "rollout-00000000.jsonl").read_bytes() for name in "ab"]
    assert files[0] == files[1]
    assert len(files[0].splitlines()) == 6


def test_dynamic_sampling_fills_the_rollout_with_groups_that_differ(policy: Policy, tmp_path: Path) -> None:
    writing = replace(rollout_spec(policy), most_draws=9)
    seen: list[Rollout] = []
    make = rollout_maker(writing, GRPO, AlarmOptions(), tmp_path, on_note=print, on_rollout=lambda n, e: seen.append(e))
    groups, measured, memory = make(0, RolloutState())
    assert len(groups) == 3
    assert all(group.columns["advantage"].any() for group in groups)
    assert memory.cursor == measured["num_drawn"] == len(seen[0].prompts) == 6  # half of six prompts differ
    rows = [json.loads(line) for line in (tmp_path / "rollout-00000000.jsonl").read_text().splitlines()]
    assert len(rows) == 12, "what was drawn in vain is told too"


def test_dynamic_sampling_draws_no_more_than_it_must(policy: Policy, tmp_path: Path) -> None:
    writing = replace(rollout_spec(policy, lambda completion, row: float(sum(completion.encode()))), most_draws=5)
    groups, measured, _ = made(writing, tmp_path)
    assert measured["num_drawn"] == 3
    assert len(groups) == 3


@pytest.mark.parametrize("most", [1, 3])
def test_dynamic_sampling_stops_and_fills_the_rollout_with_other_groups(
    policy: Policy, tmp_path: Path, most: int
) -> None:
    def one_differs(completion: str, row: Mapping[str, Any]) -> float:
        return float(sum(completion.encode())) if row["number"] == 2 else 0.5

    groups, measured, memory = made(replace(rollout_spec(policy, one_differs), most_draws=most), tmp_path)
    assert memory.cursor == measured["num_drawn"] == 3 * most
    assert len(groups) == 3
    teaching = [group.where for group in groups if group.columns["advantage"].any()]
    order = shuffled(6, 0)
    drawn = [order(i // 6)[i % 6] for i in range(3 * most)]
    assert teaching == ["prompts.jsonl:3"] * drawn.count(2)


def test_a_group_whose_rewards_differ_only_by_masked_completions_is_replaced(policy: Policy, tmp_path: Path) -> None:
    policy = replace_ends(policy)
    writing = replace(rollout_spec(policy, lambda c, row: float(sum(c.encode()))), most_draws=20, mask_truncated=True)
    seen: list[Rollout] = []
    credit = grpo_advantages(GRPOAdvantageOptions(scale_rewards="group", mask_truncated=True), reference=None)
    make = rollout_maker(
        writing, credit, AlarmOptions(), tmp_path, on_note=print, on_rollout=lambda n, e: seen.append(e)
    )
    groups, _, _ = make(0, RolloutState())
    some = seen[0]
    assert any(varies(row) for row in some.reward_GK[[not all(w.ended for w in g) for g in some.written]])
    assert all(group.columns["advantage"].any() for group in groups)


def replace_ends(policy: Policy) -> Policy:
    """The same model with a third of all tokens as end tokens."""
    return replace(policy, end_tokens=tuple(range(6, 262, 3)))


def test_later_rollouts_are_compared_with_the_first_one(policy: Policy, tmp_path: Path) -> None:
    notes: list[str] = []
    options = AlarmOptions(min_entropy=0.9, max_length_growth=1.1)
    _, measured, memory = made(rollout_spec(policy), tmp_path, alarms=options, notes=notes)
    assert memory.first == {"completions/mean_length": 5.0, "entropy": measured["entropy"]}
    _, _, later = made(rollout_spec(policy), tmp_path, number=1, state=memory, alarms=options, notes=notes)
    assert later.first == memory.first
    assert notes == []
    short = replace(memory, first={"completions/mean_length": 4.0, "entropy": 99.0})
    made(rollout_spec(policy), tmp_path, number=1, state=short, alarms=options, notes=notes)
    assert len(notes) == 2
    assert notes[0].startswith("alarm: rollout 2: length explosion")
    assert "collapse" in notes[1]


def test_an_alarm_can_stop_the_stage_before_it_learns(policy: Policy, tmp_path: Path) -> None:
    memory = RolloutState(first={"completions/mean_length": 1.0, "entropy": 1.0})
    with pytest.raises(RunError, match=r"rollout 3: length explosion.*have 5 tokens.*`alarms.action"):
        made(rollout_spec(policy), tmp_path, number=2, state=memory, alarms=AlarmOptions(action="stop"))
    assert (tmp_path / "rollout-00000002.jsonl").is_file(), "what it wrote is there to look at"


def test_a_reward_that_applies_to_no_completion_teaches_nothing(policy: Policy, tmp_path: Path) -> None:
    groups, measured, _ = made(rollout_spec(policy, lambda completion, row: None), tmp_path)
    assert measured["reward"] is None
    assert not any(group.columns["advantage"].any() for group in groups)


def test_rewards_read_the_opening_that_the_template_writes(policy: Policy, tmp_path: Path) -> None:
    writing = rollout_spec(policy, lambda completion, row: float(completion.startswith("<think>")))
    opened = replace(writing, renderer=replace(writing.renderer, prefill="<think>\n"))
    assert made(opened, tmp_path)[1]["reward"] == 1.0
    assert made(writing, tmp_path)[1]["reward"] == 0.0


def test_a_run_whose_rewards_never_give_a_number_stops_with_the_reasons(policy: Policy, tmp_path: Path) -> None:
    rewards = {
        "never": Reward(per_completion(lambda completion, row: NotApplicable("`answer` is null"))),
        "weightless": Reward(per_completion(lambda completion, row: 1.0), 0.0),
    }
    never = replace(rollout_spec(policy), scorer=Scorer(rewards, {}, 256, 0.1, lambda sentence: None))
    _, measured, memory = made(never, tmp_path)
    assert measured["rewards/never/not_applicable"] == 1.0
    with pytest.raises(
        RunError, match=r"6 prompts drawn so far.*`never`: not applicable to 6, `answer` is null"
    ) as error:
        made(never, tmp_path, number=1, state=memory)  # by now every prompt was drawn
    assert "weightless" not in str(error.value)
    with pytest.raises(RunError, match="3 prompts"):
        made(never, tmp_path, rollouts=1)
    made(never, tmp_path, number=1, state=replace(memory, judged=1))


def test_figures_that_advantages_store_in_the_state_do_not_disturb_the_alarms(policy: Policy, tmp_path: Path) -> None:
    def scaling(some: Rollout, memory: RolloutState) -> tuple[list[Group], Metrics, RolloutState]:
        groups, measured, memory = GRPO(some, memory)
        return groups, measured, replace(memory, first={**memory.first, "score_mean": 2.0})

    _, _, memory = made(rollout_spec(policy), tmp_path, credit=scaling)
    assert memory.first.keys() == {"score_mean", "completions/mean_length", "entropy"}
