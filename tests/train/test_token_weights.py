"""A step with token weights has the gradient of the weighted mean, for every packing into rows."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from posttrain.core.group import Group
from posttrain.core.outputs import Objective
from posttrain.core.packing import WEIGHT, collate
from posttrain.objectives.sft import DFT, SFT
from posttrain.policy.load import Policy, load_policy
from posttrain.policy.probe import settle_layout
from posttrain.train.step import accumulate
from structures import random_group
from tiny_models import BRANCHING, one_by_one, plain, save_model

RNG = np.random.default_rng(0)


def with_weights(group: Group) -> Group:
    weights = RNG.choice([0.05, 0.5, 1.0, 3.0], group.loss_tokens).astype(np.float32)
    return replace(group, columns={**group.columns, WEIGHT: weights})


GROUPS = [random_group(RNG, 4, [3 + 2 * i]) for i in range(6)]
WEIGHTED = [with_weights(g) if i % 2 else g for i, g in enumerate(GROUPS)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_model(tmp_path_factory.mktemp("model"), BRANCHING["llama"])


def step(folder: str, objective: Objective, groups: list[Group], row_tokens: int) -> tuple[float, torch.Tensor]:
    """The loss of a step, and all gradients as one vector."""
    policy: Policy = load_policy(folder)
    settle_layout(policy)
    loss = accumulate(policy, objective, groups, row_tokens)["loss"].value
    assert loss is not None
    return loss, torch.cat([p.grad.flatten() for p in policy.model.parameters() if p.grad is not None])


@pytest.mark.parametrize("objective", [SFT, DFT], ids=["sft", "dft"])
def test_it_is_that_of_plain_transformers_by_the_formula(objective: Objective, folder: str) -> None:
    batch = collate(WEIGHTED)
    weights = batch.columns[WEIGHT]
    model = plain(folder)
    logp, _ = one_by_one(model, batch)
    nll = -(weights * logp)
    (((logp.detach().exp() if objective is DFT else 1.0) * nll).sum() / weights.sum()).backward()
    expected = torch.cat([p.grad.flatten() for p in model.parameters()])
    for row_tokens in (1, 24, 4096):
        loss, gradient = step(folder, objective, WEIGHTED, row_tokens)
        assert loss == pytest.approx((nll.sum() / weights.sum()).item(), rel=1e-5)
        assert float((gradient - expected).norm() / expected.norm()) < 1e-5


def test_equal_weights_change_nothing(folder: str) -> None:
    halves = [replace(g, columns={**g.columns, WEIGHT: np.full(g.loss_tokens, 0.5, np.float32)}) for g in GROUPS]
    loss, gradient = step(folder, SFT, GROUPS, 4096)
    other, same = step(folder, SFT, halves, 4096)
    assert other == pytest.approx(loss, rel=1e-6)
    torch.testing.assert_close(same, gradient, atol=1e-6, rtol=1e-4)


def test_a_weight_of_two_is_a_group_that_comes_twice(folder: str) -> None:
    first = GROUPS[0]
    double = replace(first, columns={**first.columns, WEIGHT: np.full(first.loss_tokens, 2.0, np.float32)})
    _, gradient = step(folder, SFT, [double, *GROUPS[1:]], 4096)
    _, twice = step(folder, SFT, [first, *GROUPS], 4096)
    torch.testing.assert_close(gradient, twice, atol=1e-6, rtol=1e-4)
