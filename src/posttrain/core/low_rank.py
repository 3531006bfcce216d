"""A low-rank update of a linear layer's output. It is added in place, without a second tensor of the output's size.

Legend: ``T`` tokens, ``I`` and ``O`` the layer's input and output width, ``R`` rank.
"""

from typing import Any

import torch
from torch import Tensor


def add_low_rank(output: Tensor, x: Tensor, a_RI: Tensor, b_OR: Tensor, scaling: float) -> Tensor:
    """``output + scaling * x A^T B^T`` (Hu et al. 2021, eq. 3), computed in `output`'s memory and dtype.

    Args:
        output: the frozen layer's output, [..., O]; it is overwritten.
        x: the layer's input, [..., I].
        a_RI, b_OR: the adapter's matrices, of any dtype; their gradients have the same.
        scaling: alpha / rank.
    """
    return _AddLowRank.apply(output, x, a_RI, b_OR, scaling)  # type: ignore[no-any-return]


class _AddLowRank(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, output: Tensor, x: Tensor, a_RI: Tensor, b_OR: Tensor, scaling: float) -> Tensor:
        x_TI, a, b = (t.to(output.dtype) for t in (x.flatten(0, -2), a_RI, b_OR))
        h_TR = x_TI @ a.T
        output.view(-1, output.shape[-1]).addmm_(h_TR, b.T, alpha=scaling)
        ctx.mark_dirty(output)
        ctx.save_for_backward(x_TI, h_TR, a, b)
        ctx.scaling, ctx.given = scaling, (x.shape, x.dtype, a_RI.dtype, b_OR.dtype)
        return output

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        (upstream_O,) = upstream
        x_TI, h_TR, a, b = ctx.saved_tensors
        shape, x_dtype, a_dtype, b_dtype = ctx.given
        d_TO = upstream_O.reshape(-1, upstream_O.shape[-1])
        d_TR = (d_TO @ b).mul_(ctx.scaling)
        d_x = (d_TR @ a).view(shape).to(x_dtype) if ctx.needs_input_grad[1] else None
        d_a = (d_TR.T @ x_TI).to(a_dtype) if ctx.needs_input_grad[2] else None
        d_b = (d_TO.T @ h_TR).mul_(ctx.scaling).to(b_dtype) if ctx.needs_input_grad[3] else None
        return upstream_O, d_x, d_a, d_b, None
