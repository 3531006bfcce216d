"""The shape of the schedule, and the parameters with weight decay."""

import pytest
import torch

from posttrain.train.optimizer import adamw, rate_at


def rates(schedule: str, total: int = 20, warmup: float = 0.25) -> list[float]:
    return [rate_at(s, total, peak=1.0, warmup=warmup, schedule=schedule) for s in range(total)]  # type: ignore[arg-type]


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_warm_up_rises_to_the_peak_in_equal_steps(schedule: str) -> None:
    assert rates(schedule)[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_after_the_warm_up_it_falls_towards_zero() -> None:
    linear, cosine = rates("linear"), rates("cosine")
    assert linear[5:] == pytest.approx([1 - i / 15 for i in range(15)])
    assert cosine[5] == 1.0
    assert cosine[12] == pytest.approx(0.5 * (1 + torch.cos(torch.tensor(torch.pi * 7 / 15)).item()))
    assert linear[-1] > 0
    assert cosine[-1] > 0
    assert rates("constant")[5:] == [1.0] * 15


def test_no_warm_up_starts_at_the_peak() -> None:
    assert rates("cosine", warmup=0.0)[0] == 1.0


def test_vectors_are_not_decayed() -> None:
    model = torch.nn.Linear(3, 2)
    with torch.no_grad():
        model.bias.fill_(1.0)
    before = model.weight.detach().clone()
    optimizer = adamw(model.named_parameters(), learning_rate=0.1, weight_decay=0.5, betas=(0.9, 0.99), epsilon=1e-8)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert torch.equal(model.bias, torch.ones(2))
    assert torch.allclose(model.weight, before * (1 - 0.1 * 0.5))
