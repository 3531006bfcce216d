"""Attention in bfloat16 on a CPU, by matrix products over blocks of queries.

torch's own kernel takes up to three times as long here, in its backward pass above all. Scores and softmax are in
float32; probabilities are rounded to bfloat16, and computed again in the backward pass, so that they take no memory.

Legend: ``B`` documents, ``H`` heads, ``G`` heads of keys and values, ``L`` queries of a document, ``S`` its keys,
``D`` head width. ``N`` is ``B G``, and ``M`` is ``H / G`` times the queries of a block: those of all heads that share
their keys are rows of one product.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

BLOCK = 64
"""Queries of a block. Smaller blocks leave out more keys that no query of the block sees."""


def bfloat16_attention(
    q_BHLD: Tensor, k_BGSD: Tensor, v_BGSD: Tensor, bias: Tensor, scale: float, *, offset: int
) -> Tensor:
    """``softmax(scale q k^T + bias) v``, [B, H, L, D], in the dtype of the values.

    Args:
        bias: float32, [B, 1, L, S] or [L, S]: 0 where a query sees a key, else minus infinity.
        offset: query n sees none of the keys after key ``n + offset``.
    """
    q, k = (x.to(v_BGSD.dtype) for x in (q_BHLD, k_BGSD))  # under autocast, rotation makes them float32
    with torch.autocast("cpu", enabled=False):
        return _Attention.apply(q, k, v_BGSD, bias, scale, offset)  # type: ignore[no-any-return]


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, bias: Tensor, scale: float, offset: int) -> Tensor:
        out = torch.empty(q.shape, dtype=q.dtype)
        k_NSD, v_NSD = k.flatten(0, 1), v.flatten(0, 1)
        for own, end in _blocks(q.shape[2], k.shape[2], offset):
            q_NMD = _rows(q[:, :, own], k.shape[1])
            p_NMS = _probabilities(q_NMD, k_NSD[:, :end], bias[..., own, :end], scale)
            out[:, :, own] = (p_NMS.to(v.dtype) @ v_NSD[:, :end]).view(out[:, :, own].shape)
        ctx.save_for_backward(q, k, v, bias)
        ctx.scale, ctx.offset = scale, offset
        return out

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, bias = ctx.saved_tensors
        k_NSD, v_NSD = k.flatten(0, 1), v.flatten(0, 1)
        d_q = torch.empty(q.shape, dtype=q.dtype)
        d_k, d_v = (torch.zeros(k_NSD.shape) for _ in range(2))  # float32: sums over blocks
        for own, end in _blocks(q.shape[2], k.shape[2], ctx.offset):
            q_NMD, d_NMD = (_rows(x[:, :, own], k.shape[1]) for x in (q, upstream[0]))
            p = _probabilities(q_NMD, k_NSD[:, :end], bias[..., own, :end], ctx.scale)
            d_p = (d_NMD @ v_NSD[:, :end].mT).float()
            d_scores = torch.ops.aten._softmax_backward_data(d_p, p, -1, torch.float32).mul_(ctx.scale).to(q.dtype)
            d_q[:, :, own] = (d_scores @ k_NSD[:, :end]).view(d_q[:, :, own].shape)
            d_k[:, :end] += d_scores.mT @ q_NMD
            d_v[:, :end] += p.to(v.dtype).mT @ d_NMD
        return d_q, d_k.to(k.dtype).view(k.shape), d_v.to(v.dtype).view(v.shape), None, None, None


def _blocks(queries: int, keys: int, offset: int) -> Iterator[tuple[slice, int]]:
    """The queries of each block, and the number of keys that they see."""
    for start in range(0, queries, BLOCK):
        end = min(start + BLOCK, queries)
        yield slice(start, end), min(end + offset, keys)


def _rows(x_BHLD: Tensor, heads: int) -> Tensor:
    """[N, M, D]: the rows of the heads that share their keys, one head after the other."""
    return x_BHLD.reshape(len(x_BHLD) * heads, -1, x_BHLD.shape[-1])


def _probabilities(q_NMD: Tensor, k_NSD: Tensor, bias: Tensor, scale: float) -> Tensor:
    """[N, M, S] in float32."""
    scores_NMS = (q_NMD.float() * scale) @ k_NSD.float().mT
    documents = len(bias) if bias.ndim == 4 else 1
    scores_NMS.view(documents, -1, *bias.shape[-2:]).add_(bias)
    return scores_NMS.softmax(-1)
