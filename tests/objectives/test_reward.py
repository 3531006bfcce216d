"""The reward loss is the Bradley-Terry likelihood of each ranking's pairs."""

from collections import defaultdict
from itertools import combinations
from types import SimpleNamespace
from typing import Any, Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from batches import assert_finite_differences, log_sigmoid, ranked
from posttrain.core.outputs import Outputs
from posttrain.core.packing import Batch
from posttrain.objectives.options import BradleyTerryOptions
from posttrain.objectives.reward import reward_loss, reward_objective

Ties = Literal["exclude", "half"]
rankings = st.lists(st.lists(st.integers(1, 4), min_size=2, max_size=5), min_size=1, max_size=4)


def scores(batch: Batch, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2.0 * torch.randn(len(batch.group_C), generator=generator, dtype=torch.float64)


def by_hand(ranks: list[list[int]], score_C: Tensor, ties: Ties) -> float:
    """The loss as a loop over pairs. A tie is no pair, or half a win for each side."""
    total, at = 0.0, 0
    for ranking in ranks:
        losses: list[float] = []
        for i, j in combinations(range(len(ranking)), 2):
            margin = float(score_C[at + i] - score_C[at + j])
            if ranking[i] != ranking[j]:
                losses.append(-log_sigmoid(margin if ranking[i] < ranking[j] else -margin))
            elif ties == "half":
                losses.append(-0.5 * log_sigmoid(margin) - 0.5 * log_sigmoid(-margin))
        total += sum(losses) / len(losses) if losses else 0.0
        at += len(ranking)
    return total


@given(rankings, st.sampled_from(["exclude", "half"]), st.integers(0, 99))
def test_the_loss_is_the_mean_over_each_rankings_pairs(ranks: list[list[int]], ties: Ties, seed: int) -> None:
    batch = ranked(0, ranks)
    score_C = scores(batch, seed)
    loss = reward_loss(Outputs(score_C=score_C), batch, BradleyTerryOptions(ties=ties)).total
    assert float(loss) == pytest.approx(by_hand(ranks, score_C, ties), abs=1e-6)


def test_it_equals_trls_on_random_pairs() -> None:
    """TRL's loss, with our scores in place of the model's logits."""
    trl = pytest.importorskip("trl")
    batch = ranked(0, [[1, 2]] * 6)
    score_C = scores(batch)
    logits = torch.cat([score_C[0::2], score_C[1::2]])[:, None]
    trainer = SimpleNamespace(
        model=SimpleNamespace(training=True),
        args=SimpleNamespace(center_rewards_coefficient=None),
        accelerator=SimpleNamespace(gather_for_metrics=lambda x: x, gather=lambda x: x),
        _metrics={"train": defaultdict(list)},
        _total_train_tokens=0,
        _tp_size=1,
    )
    inputs: dict[str, Any] = {"attention_mask": torch.ones(12, 1)}
    expected = trl.RewardTrainer.compute_loss(trainer, lambda **_: SimpleNamespace(logits=logits), inputs)
    loss = reward_loss(Outputs(score_C=score_C), batch, BradleyTerryOptions())
    assert float(loss.total) / batch.counts["group"] == pytest.approx(float(expected), abs=1e-5)
    for name in ("accuracy", "margin"):
        total, count = loss.metrics[name]
        assert float(total) / float(count) == pytest.approx(trainer._metrics["train"][name][0], abs=1e-5)


@pytest.mark.parametrize("ties", ["exclude", "half"])
def test_its_gradient_is_its_slope(ties: Ties) -> None:
    batch = ranked(1, [[1, 2, 2, 3], [2, 1], [1, 1]])
    assert_finite_differences(
        lambda s: reward_loss(Outputs(score_C=s), batch, BradleyTerryOptions(ties=ties)).total, scores(batch)
    )


def test_only_differences_of_scores_matter() -> None:
    batch = ranked(1, [[1, 2, 3], [2, 1]])
    score_C = scores(batch)
    moved = score_C + torch.tensor([5.0, 5.0, 5.0, -7.0, -7.0])
    one, other = (reward_loss(Outputs(score_C=s), batch, BradleyTerryOptions()).total for s in (score_C, moved))
    assert float(one) == pytest.approx(float(other))


def test_a_ranking_of_nothing_but_ties_adds_nothing_when_they_are_excluded() -> None:
    batch = ranked(0, [[1, 1, 1]])
    score_C = scores(batch).requires_grad_()
    loss = reward_loss(Outputs(score_C=score_C), batch, BradleyTerryOptions())
    assert float(loss.total.detach()) == 0.0
    (gradient,) = torch.autograd.grad(loss.total, score_C)
    assert not gradient.any()
    assert loss.metrics["accuracy"][1] == 0


def test_equal_scores_cost_log_two_and_count_as_half_right() -> None:
    batch = ranked(0, [[1, 2], [3, 1, 2]])
    loss = reward_loss(Outputs(score_C=torch.zeros(5)), batch, BradleyTerryOptions())
    assert float(loss.total) / 2 == pytest.approx(0.693147, abs=1e-5)
    total, count = loss.metrics["accuracy"]
    assert float(total) / float(count) == 0.5


def test_extreme_margins_stay_finite() -> None:
    batch = ranked(0, [[1, 2], [1, 2]])
    score_C = torch.tensor([1e4, -1e4, -1e4, 1e4]).requires_grad_()
    loss = reward_loss(Outputs(score_C=score_C), batch, BradleyTerryOptions(ties="half")).total
    loss.backward()
    assert float(loss.detach()) == pytest.approx(2e4)
    assert score_C.grad is not None
    assert score_C.grad.isfinite().all()


def test_metrics_hold_no_graph() -> None:
    batch = ranked(0, [[1, 2]])
    objective = reward_objective(BradleyTerryOptions())
    metrics = objective.loss(Outputs(score_C=scores(batch).requires_grad_()), batch).metrics
    assert not any(isinstance(x, Tensor) and x.requires_grad for pair in metrics.values() for x in pair)
    assert (objective.wants, objective.needs, objective.unit) == ({"score"}, {"rank"}, "group")
