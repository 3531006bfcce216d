"""The shape of the schedule, and the parameters with weight decay."""

import math

import pytest
import torch
from pydantic import ValidationError

from posttrain.train.optimizer import adamw, rate_at, set_rate
from posttrain.train.options import TrainOptions


def rates(schedule: str, total: int = 20, warmup: float = 0.25, **more: float) -> list[float]:
    return [rate_at(s, total, peak=1.0, warmup=warmup, schedule=schedule, **more) for s in range(total)]  # type: ignore[arg-type]


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


def test_wsd_stays_at_the_peak_and_then_falls_in_equal_steps() -> None:
    rising, decaying = [0.2, 0.4, 0.6, 0.8, 1.0], [1.0, 0.75, 0.5, 0.25]
    assert rates("wsd", decay=0.2) == pytest.approx([*rising, *[1.0] * 11, *decaying])
    assert rates("wsd", warmup=0.0, decay=1.0) == pytest.approx(rates("linear", warmup=0.0))


@pytest.mark.parametrize("schedule", ["linear", "cosine", "wsd"])
def test_a_minimum_rate_is_the_end_of_the_fall_and_the_peak_stays(schedule: str) -> None:
    falls, kept = rates(schedule, decay=0.5), rates(schedule, decay=0.5, min_rate=0.1)
    assert kept[:5] == falls[:5]
    assert kept[5:] == pytest.approx([0.1 + 0.9 * share for share in falls[5:]])
    last = rate_at(99_999, 100_000, peak=3e-4, warmup=0.0, schedule=schedule, min_rate=0.1)  # type: ignore[arg-type]
    assert last == pytest.approx(3e-5, rel=1e-2)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"decay": 0.2}, "does not use `decay`"),
        ({"schedule": "constant", "min_rate": 0.1}, "does not use `min_rate`"),
        ({"schedule": "wsd", "warmup": 0.6, "decay": 0.5}, "together take 1.1 of the steps"),
    ],
)
def test_an_option_that_the_schedule_does_not_use_is_refused(options: dict[str, float], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        TrainOptions.model_validate(options)


def test_with_lora_plus_the_b_matrices_alone_move_by_the_ratio() -> None:
    """One step of Adam moves every weight by its learning rate, whatever its gradient."""
    names = ["x.lora_A.default.weight", "x.lora_B.default.weight", "x.lora_embedding_B.default", "score.weight"]
    parameters = [(name, torch.nn.Parameter(torch.zeros(2, 2))) for name in names]
    optimizer = adamw(
        parameters, learning_rate=1.0, weight_decay=0.0, betas=(0.9, 0.999), epsilon=1e-12, plus_ratio=16.0
    )
    for _, parameter in parameters:
        parameter.grad = torch.full_like(parameter, math.pi)
    set_rate(optimizer, 0.01)
    optimizer.step()
    moved = [float(-parameter.detach().mean()) for _, parameter in parameters]
    assert moved == pytest.approx([0.01, 0.16, 0.16, 0.01])
