"""A linear layer with low-rank updates has the value and the gradients of a separate computation, rounded once."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import linear

from posttrain.core.low_rank import LowRank, low_rank_linear

SCALINGS = (0.7, 1.5)


def inputs(dtype: torch.dtype) -> tuple[Tensor, ...]:
    """x [2, 5, 6], weight [7, 6], bias [7], and two updates: A [3, 6], B [7, 3], A [2, 6], B [7, 2]."""
    generator = torch.Generator().manual_seed(0)
    shapes = ((2, 5, 6), (7, 6), (7,), (3, 6), (7, 3), (2, 6), (7, 2))
    return tuple(torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes)


def updates(matrices: tuple[Tensor, ...]) -> list[LowRank]:
    return [LowRank(*matrices[2 * n : 2 * n + 2], SCALINGS[n]) for n in range(len(matrices) // 2)]


def separately(x: Tensor, weight: Tensor, bias: Tensor | None, *matrices: Tensor) -> Tensor:
    terms = [scaling * (x @ a.T @ b.T) for a, b, scaling in updates(matrices)]
    return sum(terms, start=linear(x, weight, bias))


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("biased", [False, True])
def test_it_is_the_layer_and_its_updates(count: int, biased: bool) -> None:
    x, weight, bias, *matrices = inputs(torch.float64)
    of_layer, of_updates = (x, weight, bias if biased else None), tuple(matrices[: 2 * count])
    found = low_rank_linear(*of_layer, updates(of_updates))
    torch.testing.assert_close(found, separately(*of_layer, *of_updates))


def test_gradients_are_those_of_finite_differences() -> None:
    x, weight, bias, *matrices = inputs(torch.float64)
    leaves = [t.requires_grad_() for t in (x, *matrices)]
    assert torch.autograd.gradcheck(lambda x, *of: low_rank_linear(x, weight, bias, updates(of)), leaves)


def test_only_what_needs_a_gradient_gets_one() -> None:
    """The earlier of two adapters is frozen, and the input of the first layer needs no gradient."""
    x, weight, bias, *matrices = inputs(torch.float64)
    trained = [matrix.requires_grad_() for matrix in matrices[2:]]
    low_rank_linear(x, weight, bias, updates(tuple(matrices))).sum().backward()
    assert (x.grad, matrices[0].grad, matrices[1].grad, weight.grad) == (None,) * 4
    again = [matrix.detach().clone().requires_grad_() for matrix in trained]
    separately(x, weight, bias, *matrices[:2], *again).sum().backward()
    for found, expected in zip(trained, again, strict=True):
        torch.testing.assert_close(found.grad, expected.grad)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_adapters_in_float32_train_in_float32_on_a_narrow_base(dtype: torch.dtype) -> None:
    x, weight, _, *matrices = inputs(torch.float32)
    x, weight = x.to(dtype).requires_grad_(), weight.to(dtype)
    trained = [matrix.requires_grad_() for matrix in matrices]
    result = low_rank_linear(x, weight, None, updates(tuple(trained)))
    result.float().square().sum().backward()
    assert (result.dtype, x.grad.dtype) == (dtype, dtype)  # type: ignore[union-attr]
    again = [matrix.detach().clone().requires_grad_() for matrix in trained]
    separately(x.detach().float(), weight.float(), None, *again).square().sum().backward()
    for found, expected in zip(trained, again, strict=True):
        assert found.grad is not None
        assert expected.grad is not None
        assert found.grad.dtype == torch.float32
        assert (found.grad - expected.grad).norm() < 0.03 * expected.grad.norm()


@pytest.mark.parametrize("size", [1e-2, 1e-3, 1e-4])
def test_a_small_update_is_not_rounded_away(size: float) -> None:
    """`tests/policy/lora/test_fused_linear.py` shows what an output that is rounded already keeps of it."""
    generator = torch.Generator().manual_seed(0)
    x, weight, a, b = (torch.randn(*shape, generator=generator) for shape in ((512, 64), (256, 64), (4, 64), (256, 4)))
    narrow, weight = x.bfloat16(), (weight / 8).bfloat16()
    update = size / 16 * (narrow.double() @ a.bfloat16().double().T @ b.bfloat16().double().T)
    found = low_rank_linear(narrow, weight, None, [LowRank(a, b, size / 16)])
    change = found.double() - narrow.double() @ weight.double().T
    kept = float((change * update).sum() / update.square().sum())
    rounding = 0.002 / size / len(update.flatten()) ** 0.5  # of the layer's output, which is about 1
    assert kept == pytest.approx(1, abs=0.01 + 4 * rounding)


def test_under_autocast_the_products_are_narrow_and_the_input_s_gradient_is_not() -> None:
    x, weight, bias, *matrices = inputs(torch.float32)
    x.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        result = low_rank_linear(x, weight, bias, updates(tuple(matrices)))
    result.sum().backward()
    assert (result.dtype, x.grad.dtype) == (torch.bfloat16, torch.float32)  # type: ignore[union-attr]
    torch.testing.assert_close(result.float(), separately(x, weight, bias, *matrices), atol=0.2, rtol=0.02)
