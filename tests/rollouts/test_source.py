"""Rollouts cut into steps: each is made once, learnt from as often as requested, and never lost to a resume."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from posttrain.core.group import Completion, Group
from posttrain.rollouts.source import Rollouts
from posttrain.rollouts.types import Metrics, RolloutState

sizes = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
"""Groups a step, minibatches, inner epochs."""


class Maker:
    """Makes rollouts whose groups name their rollout, and records the requests."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.requests: list[tuple[int, RolloutState]] = []

    def __call__(self, number: int, memory: RolloutState) -> tuple[list[Group], Metrics, RolloutState]:
        self.requests.append((number, memory))
        groups = [self._group(number, place) for place in range(self.size)]
        return (
            groups,
            {"rollout": float(number)},
            RolloutState(memory.cursor + self.size, memory.beta * 2, {"n": number}),
        )

    def _group(self, number: int, place: int) -> Group:
        tokens = np.array([number + 3, place + 3], np.int32)
        completion = Completion(tokens, np.ones(2, np.bool_))
        columns = {"advantage": np.full(2, number + place / 10, np.float32)}
        return Group(f"{number}/{place}", tokens, (completion,), columns)


def opened(folder: Path, cut: tuple[int, int, int], prompts: int = 10) -> tuple[Rollouts, Maker]:
    batch_size, minibatches, inner_epochs = cut
    make = Maker(batch_size * minibatches)
    start = RolloutState(beta=0.5)
    return Rollouts(make, prompts, batch_size, minibatches, inner_epochs, folder, 3, start), make


def names(groups: list[Group]) -> list[str]:
    return [group.where for group in groups]


@given(sizes)
@settings(max_examples=20)
def test_every_group_of_a_rollout_is_used_once_per_inner_epoch(cut: tuple[int, int, int]) -> None:
    batch_size, minibatches, inner_epochs = cut
    with TemporaryDirectory() as name:
        source, _ = opened(Path(name), cut)
        for rollout in range(2):
            for epoch in range(inner_epochs):
                first = rollout * source.steps_each + epoch * minibatches
                steps = [source.step(first + part) for part in range(minibatches)]
                assert [len(step) for step in steps] == [batch_size] * minibatches
                seen = Counter(place for step in steps for place in names(step))
                assert seen == Counter(f"{rollout}/{place}" for place in range(source.size))


@given(sizes, st.integers(0, 12))
@settings(max_examples=20)
def test_a_step_requested_again_or_after_a_restart_is_the_same(cut: tuple[int, int, int], last: int) -> None:
    with TemporaryDirectory() as name:
        source, make = opened(Path(name), cut)
        steps = [names(source.step(n)) for n in range(last + 1)]
        assert names(source.step(last)) == steps[last]
        assert [number for number, _ in make.requests] == list(range(last // source.steps_each + 1))
        again, unused = opened(Path(name), cut)
        here = last - last % source.steps_each
        assert [names(again.step(n)) for n in range(here, last + 1)] == steps[here:]
        assert again.metrics(here) == {"rollout": last // source.steps_each}
        assert not unused.requests


def test_the_state_passes_from_rollout_to_rollout_across_a_restart(tmp_path: Path) -> None:
    source, make = opened(tmp_path, (2, 1, 1))
    source.step(0), source.step(1)
    again, more = opened(tmp_path, (2, 1, 1))
    again.step(2)
    handed = [*make.requests, *more.requests]
    assert handed == [
        (0, RolloutState(0, 0.5, {})),
        (1, RolloutState(2, 1.0, {"n": 0})),
        (2, RolloutState(4, 2.0, {"n": 1})),
    ]


@given(sizes, st.integers(1, 14), st.integers(0, 5))
@settings(max_examples=30)
def test_discarding_leaves_all_rollouts_that_a_checkpoint_needs(
    cut: tuple[int, int, int], oldest: int, more: int
) -> None:
    """A run that resumes at any step from the oldest checkpoint on reads the same groups."""
    with TemporaryDirectory() as name, TemporaryDirectory() as other:
        source, _ = opened(Path(name), cut)
        whole, requests = opened(Path(other), cut)
        for step in range(oldest + more):
            source.step(step)
        source.discard_before(oldest)
        resumed, made = opened(Path(name), cut)
        expected = [names(whole.step(n)) for n in range(oldest + more + 2 * whole.steps_each)]
        for step in range(oldest, oldest + more + 2 * whole.steps_each):
            assert names(resumed.step(step)) == expected[step]
        assert made.requests == requests.requests[len(requests.requests) - len(made.requests) :]
        assert all(number > (oldest + more - 1) // source.steps_each for number, _ in made.requests)


def test_old_rollouts_are_really_deleted(tmp_path: Path) -> None:
    source, _ = opened(tmp_path, (1, 2, 2))
    for step in range(12):
        source.step(step)
    source.discard_before(8)  # rollout 2 is next, and it needs the state of rollout 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rollout-00000001", "rollout-00000002"]
    source.discard_before(9)
    assert [path.name for path in tmp_path.iterdir()] == ["rollout-00000002"]


def test_metrics_are_reported_once_per_rollout(tmp_path: Path) -> None:
    source, _ = opened(tmp_path, (1, 2, 2))
    measured = []
    for step in range(8):
        source.step(step)
        measured.append(source.metrics(step))
    assert measured == [{"rollout": 0.0}, {}, {}, {}, {"rollout": 1.0}, {}, {}, {}]


def test_inner_epochs_and_rollouts_have_orders_of_their_own(tmp_path: Path) -> None:
    source, _ = opened(tmp_path, (12, 1, 2))
    orders = [tuple(place.split("/")[1] for place in names(source.step(n))) for n in range(4)]
    assert len(set(orders)) == 4


def test_an_epoch_is_whole_rollouts(tmp_path: Path) -> None:
    source, _ = opened(tmp_path, (2, 2, 3), prompts=10)
    assert source.total(1) == 3 * 6
    assert source.total(2) == 5 * 6
    assert source.total(0.1) == 6
