"""A low-rank update in place has the value and the gradients of a separate computation."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import linear

from posttrain.core.low_rank import add_low_rank


def inputs(dtype: torch.dtype) -> tuple[Tensor, ...]:
    """x [2, 5, 6], weight [7, 6], A [3, 6], B [7, 3]."""
    generator = torch.Generator().manual_seed(0)
    shapes = ((2, 5, 6), (7, 6), (3, 6), (7, 3))
    return tuple(torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes)


def test_gradients_are_those_of_finite_differences() -> None:
    leaves = [t.requires_grad_() for t in inputs(torch.float64)]

    def adapted(x: Tensor, weight: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return add_low_rank(linear(x, weight), x, a, b, 0.7)

    assert torch.autograd.gradcheck(adapted, leaves)


def test_it_is_the_sum_in_the_output_s_own_memory() -> None:
    x, weight, a, b = inputs(torch.float64)
    output = linear(x, weight)
    place = output.data_ptr()
    result = add_low_rank(output, x, a, b, 0.7)
    assert result.data_ptr() == place
    torch.testing.assert_close(result, x @ weight.T + 0.7 * (x @ a.T @ b.T))


def test_an_input_that_needs_no_gradient_still_trains_the_adapter() -> None:
    x, weight, a, b = inputs(torch.float64)
    add_low_rank(linear(x, weight), x, a.requires_grad_(), b.requires_grad_(), 0.7).sum().backward()
    want = 0.7 * torch.ones(10, 7, dtype=torch.float64).T @ (x.flatten(0, 1) @ a.detach().T)
    assert b.grad is not None
    torch.testing.assert_close(b.grad, want)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_an_adapter_in_float32_trains_in_float32_on_a_narrow_base(dtype: torch.dtype) -> None:
    x, weight, a, b = (
        t.to(d) for t, d in zip(inputs(torch.float32), (dtype, dtype, *[torch.float32] * 2), strict=True)
    )
    x.requires_grad_()
    result = add_low_rank(linear(x, weight), x, a.requires_grad_(), b.requires_grad_(), 0.7)
    result.float().square().sum().backward()
    assert (result.dtype, x.grad.dtype, a.grad.dtype, b.grad.dtype) == (dtype, dtype, torch.float32, torch.float32)  # type: ignore[union-attr]
    one, two = a.detach().clone().requires_grad_(), b.detach().clone().requires_grad_()
    (x.detach().float() @ weight.float().T + 0.7 * (x.detach().float() @ one.T @ two.T)).square().sum().backward()
    for grad, want in ((a.grad, one.grad), (b.grad, two.grad)):
        assert grad is not None
        assert want is not None
        assert (grad - want).norm() < 0.03 * want.norm()
