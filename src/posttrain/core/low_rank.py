"""A linear layer with low-rank updates, rounded once. Updates that are small beside the output are not lost.

In bfloat16 the layer's own output is on a coarse grid. An update of less than half a step of that grid, added to an
output that is rounded already, is rounded away again, in all places. Here the updates come first, and the product with
the weight is added to them before the sum is rounded.

Legend: ``T`` tokens, ``I`` and ``O`` the layer's input and output width, ``R`` rank.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor


class LowRank(NamedTuple):
    """An update of a layer's weight: ``scaling * B A`` (Hu et al. 2021, arXiv:2106.09685, section 4.1).

    Args:
        a_RI, b_OR: its matrices, of any dtype; their gradients have the same.
        scaling: alpha / rank.
    """

    a_RI: Tensor
    b_OR: Tensor
    scaling: float


@runtime_checkable
class AdaptedLinear(Protocol):
    """A linear layer with low-rank updates."""

    def summed(self) -> tuple[Tensor, Tensor | None]:
        """The weight with its updates, [O, I] in float32, and the bias."""
        ...


def low_rank_linear(x: Tensor, weight_OI: Tensor, bias_O: Tensor | None, updates: Sequence[LowRank]) -> Tensor:
    """``x W^T + bias + the sum of scaling * x A^T B^T``, where weight and bias are frozen.

    Args:
        x: the layer's input, [..., I]; it is cast to the weight's dtype, or to autocast's.
    """
    kind = x.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight_OI.dtype
    matrices = [matrix for update in updates for matrix in (update.a_RI, update.b_OR)]
    scalings = [update.scaling for update in updates]
    return _LowRankLinear.apply(x, weight_OI, bias_O, dtype, scalings, *matrices)  # type: ignore[no-any-return]


class _LowRankLinear(torch.autograd.Function):
    """All updates are one of the summed rank, so they are two products, however many there are."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        dtype: torch.dtype,
        scalings: Sequence[float],
        *matrices: Tensor,
    ) -> Tensor:
        x_TI, a, b = x.flatten(0, -2).to(dtype), *_stacked(matrices, scalings, dtype)
        h_TR = x_TI @ a.T
        out_TO = h_TR @ b.T if bias is None else torch.addmm(bias.to(dtype), h_TR, b.T)
        out_TO.addmm_(x_TI, weight.to(dtype).T)
        ctx.save_for_backward(x_TI, h_TR, weight, *matrices)
        ctx.dtype, ctx.scalings, ctx.shape, ctx.x_dtype = dtype, scalings, x.shape, x.dtype
        return out_TO.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        x_TI, h_TR, weight, *matrices = ctx.saved_tensors
        a, b = _stacked(matrices, ctx.scalings, ctx.dtype)
        d_TO = upstream[0].flatten(0, -2).to(ctx.dtype)
        d_TR = d_TO @ b
        d_x = None
        if ctx.needs_input_grad[0]:
            d_x = (d_TR @ a).addmm_(d_TO, weight.to(ctx.dtype)).view(ctx.shape).to(ctx.x_dtype)
        ranks = [len(each) for each in matrices[::2]]
        gradients: list[Tensor | None] = []
        for number, (h, d) in enumerate(zip(h_TR.split(ranks, 1), d_TR.split(ranks, 1), strict=True)):
            of_a, of_b = ctx.needs_input_grad[5 + 2 * number : 7 + 2 * number]
            a_given, b_given = matrices[2 * number : 2 * number + 2]
            gradients.append((d.T @ x_TI).to(a_given.dtype) if of_a else None)
            gradients.append((d_TO.T @ h).to(b_given.dtype).mul_(ctx.scalings[number]) if of_b else None)
        return d_x, None, None, None, None, *gradients


def _stacked(matrices: Sequence[Tensor], scalings: Sequence[float], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """A [sum of R, I] and B [O, sum of R] of all updates together; B holds the scalings."""
    a = [each.to(dtype) for each in matrices[::2]]
    b = [(each * scaling).to(dtype) for each, scaling in zip(matrices[1::2], scalings, strict=True)]
    return (a[0], b[0]) if len(a) == 1 else (torch.cat(a), torch.cat(b, 1))
