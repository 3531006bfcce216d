"""SFT is the cross-entropy of the loss tokens, summed."""

import pytest
import torch

from batches import assert_finite_differences, random_logp, ranked
from posttrain.core.outputs import Outputs
from posttrain.objectives.sft import SFT, sft_loss


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
