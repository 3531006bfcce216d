"""A step has the same loss and gradients for every split into micro-batches, since the sum is divided once."""

from pathlib import Path

import numpy as np
import pytest
import torch

from posttrain.core.group import Group
from posttrain.core.outputs import Objective
from posttrain.core.packing import Batch, collate
from posttrain.objectives.dpo import dpo_objective
from posttrain.objectives.options import BradleyTerryOptions, DPOOptions
from posttrain.objectives.reward import reward_objective
from posttrain.objectives.sft import SFT
from posttrain.policy.forward import forward
from posttrain.policy.load import Policy, load_policy
from posttrain.policy.probe import settle_layout
from posttrain.train.step import accumulate
from structures import random_group
from tiny_models import BRANCHING, assert_same_gradients, gradients, save_model

OBJECTIVES: dict[str, Objective] = {
    "sft": SFT,
    "reward": reward_objective(BradleyTerryOptions(ties="half")),
    "dpo": dpo_objective(DPOOptions(label_smoothing=0.1, sft_weight=0.5)),
    "ipo": dpo_objective(DPOOptions(loss="ipo")),
}


def step_of(seed: int = 0) -> list[Group]:
    """Eight groups of very different sizes, so that the test would detect a mean of means."""
    rng = np.random.default_rng(seed)
    return [random_group(rng, 1 + 2 * i, [int(n) for n in rng.integers(1, 4 + 4 * i, 2 + i % 3)]) for i in range(8)]


def policy_for(objective: Objective, folder: Path) -> Policy:
    scores = "score" in objective.wants
    policy = load_policy(save_model(folder, BRANCHING["llama"]), task="score" if scores else "causal")
    settle_layout(policy)
    if scores:
        torch.nn.init.normal_(policy.base.score.weight)
    return policy


def total_of(policy: Policy, objective: Objective, batches: list[Batch]) -> torch.Tensor:
    """The step's loss, as the loop computes it."""
    units = sum(batch.counts[objective.unit] for batch in batches)
    gradient = -1 / units if objective.uniform else None
    losses = [
        objective.loss(forward(policy, batch, objective.wants, gradient=gradient), batch).total / units
        for batch in batches
    ]
    return torch.stack(losses).sum()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_one_two_four_and_eight_micro_batches_give_the_same_step(name: str, tmp_path: Path) -> None:
    objective, groups = OBJECTIVES[name], step_of()
    policy = policy_for(objective, tmp_path)
    whole = total_of(policy, objective, [collate(groups)])
    expected = list(gradients(policy.model, whole))
    for parts in (2, 4, 8):
        size = len(groups) // parts
        batches = [collate(groups[i : i + size]) for i in range(0, len(groups), size)]
        loss = total_of(policy, objective, batches)
        assert float(loss.detach()) == pytest.approx(float(whole.detach()), abs=1e-5)
        assert_same_gradients(list(gradients(policy.model, loss)), expected, 1e-5)


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("row_tokens", [1, 60, 10_000])
def test_the_loop_cuts_a_step_into_rows_of_any_budget(name: str, row_tokens: int, tmp_path: Path) -> None:
    objective, groups = OBJECTIVES[name], step_of()
    policy = policy_for(objective, tmp_path)
    expected = list(gradients(policy.model, total_of(policy, objective, [collate(groups)])))
    policy.model.zero_grad(set_to_none=True)
    accumulate(policy, objective, groups, row_tokens)
    values = [(n, p.grad) for n, p in policy.model.named_parameters() if p.grad is not None]
    assert_same_gradients(values, expected, 1e-5)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_order_of_the_groups_makes_no_difference(name: str, tmp_path: Path) -> None:
    objective, groups = OBJECTIVES[name], step_of(1)
    policy = policy_for(objective, tmp_path)
    expected = list(gradients(policy.model, total_of(policy, objective, [collate(groups)])))
    shuffled = [groups[i] for i in (5, 2, 7, 0, 3, 6, 1, 4)]
    values = list(gradients(policy.model, total_of(policy, objective, [collate(shuffled)])))
    assert_same_gradients(values, expected, 1e-5)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_metrics_add_up_over_micro_batches(name: str, tmp_path: Path) -> None:
    objective, groups = OBJECTIVES[name], step_of(2)
    policy = policy_for(objective, tmp_path)

    def metrics(members: list[Group]) -> dict[str, tuple[float, float]]:
        batch = collate(members)
        with torch.no_grad():
            loss = objective.loss(forward(policy, batch, objective.wants), batch)
        return {name: (float(total), float(count)) for name, (total, count) in loss.metrics.items()}

    whole = metrics(groups)
    parts = [metrics([group]) for group in groups]
    for key, (total, count) in whole.items():
        assert sum(part[key][0] for part in parts) == pytest.approx(total, rel=1e-6, abs=1e-4), key
        assert sum(part[key][1] for part in parts) == count, key
