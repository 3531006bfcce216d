"""SFT is the cross-entropy of the loss tokens, summed; DFT weighs each token by its probability."""

import math
from dataclasses import replace

import pytest
import torch

from batches import assert_finite_differences, random_logp, ranked
from posttrain.core.outputs import Outputs
from posttrain.core.packing import WEIGHT, Batch
from posttrain.objectives.sft import DFT, SFT, dft_loss, sft_loss


def test_the_loss_is_the_sum_of_negative_log_probs_and_its_mean_is_per_token() -> None:
    batch = ranked(0, [[1], [1]])
    logp = torch.log(torch.linspace(0.1, 0.9, len(batch.predictor_N)))
    loss = sft_loss(Outputs(logp_N=logp), batch)
    assert float(loss.total) == pytest.approx(-sum(logp.tolist()))
    total, count = loss.metrics["loss"]
    assert (float(total), count) == (pytest.approx(float(loss.total)), batch.counts["token"])
    assert SFT.unit == "token"


def test_its_gradient_is_the_same_for_every_token_as_it_promises() -> None:
    batch = ranked(0, [[1], [1]])
    assert_finite_differences(lambda logp: sft_loss(Outputs(logp_N=logp), batch).total, random_logp(batch))
    logp = random_logp(batch).requires_grad_()
    (gradient,) = torch.autograd.grad(sft_loss(Outputs(logp_N=logp), batch).total, logp)
    assert SFT.uniform
    assert gradient.eq(-1.0).all()


def test_metrics_hold_no_graph() -> None:
    batch = ranked(0, [[1]])
    metrics = sft_loss(Outputs(logp_N=random_logp(batch).requires_grad_()), batch).metrics
    assert not any(isinstance(x, torch.Tensor) and x.requires_grad for pair in metrics.values() for x in pair)


def weighted(batch: Batch) -> Batch:
    weight_N = torch.arange(1, len(batch.predictor_N) + 1) / 4
    return replace(batch, columns={**batch.columns, WEIGHT: weight_N})


def test_with_weights_the_loss_is_the_weighted_sum_and_its_mean_is_by_the_sum_of_the_weights() -> None:
    batch = weighted(ranked(0, [[1], [1]]))
    logp, weights = random_logp(batch), batch.columns[WEIGHT].tolist()
    loss = sft_loss(Outputs(logp_N=logp), batch)
    expected = -sum(w * x for w, x in zip(weights, logp.tolist(), strict=True))
    assert float(loss.total) == pytest.approx(expected)
    total, count = loss.metrics["loss"]
    assert float(total) / count == pytest.approx(expected / sum(weights))
    assert batch.counts["token"] == pytest.approx(sum(weights))


@pytest.mark.parametrize("with_weights", [False, True])
def test_dft_weighs_each_token_by_its_probability_without_gradient(with_weights: bool) -> None:
    batch = ranked(0, [[1], [1, 2]])
    batch = weighted(batch) if with_weights else batch
    weights = batch.columns[WEIGHT].tolist() if with_weights else [1.0] * len(batch.predictor_N)
    logp = random_logp(batch).requires_grad_()
    loss = dft_loss(Outputs(logp_N=logp), batch)
    values = list(zip(weights, logp.tolist(), strict=True))
    assert loss.total.item() == pytest.approx(sum(-w * math.exp(x) * x for w, x in values))
    (gradient,) = torch.autograd.grad(loss.total, logp)
    assert gradient.tolist() == pytest.approx([-w * math.exp(x) for w, x in values])
    assert float(loss.metrics["loss"][0]) == pytest.approx(sum(-w * x for w, x in values))
    assert float(loss.metrics["dft_loss"][0]) == pytest.approx(loss.total.item())
    assert not DFT.uniform
