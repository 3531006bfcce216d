"""FlexAttention's block mask from the documents of a packed row, without a [T, T] grid.

The grid is cut into square blocks. A block is full if each of its queries sees each of its keys, and partial if some
do; FlexAttention skips all others. For each document, the number of visible pairs in a block has a closed form.

Legend: ``T`` packed tokens, ``Q`` and ``K`` blocks of queries and of keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.attention.flex_attention import BlockMask

Ints64 = NDArray[np.int64]

BLOCK = 128
"""Tokens of a side of a block."""


@dataclass(frozen=True, slots=True)
class Document:
    """The queries `own` attend causally to themselves and to all of `before`; both are half-open ranges of the row."""

    before: tuple[int, int]
    own: tuple[int, int]

    @property
    def queries(self) -> int:
        return self.own[1] - self.own[0]

    @property
    def offset(self) -> int:
        return self.before[1] - self.before[0]


def block_mask(
    documents: Sequence[Document],
    length: int,
    mask_mod: Any,
    *,
    window: int | None = None,
    device: torch.device | str = "cpu",
    block: int = BLOCK,
) -> BlockMask:
    """The block mask of a row of `length` tokens.

    Args:
        documents: every token of the row is a query of one of them.
        mask_mod: the same structure as a function of a query and a key; it decides inside partial blocks.
        window: the largest number of positions that a query sees, including its own.
    """
    pairs_QK = visible_pairs(documents, length, window=window, block=block)
    full_QK = pairs_QK == block * block
    partial, full = ((pairs_QK > 0) & ~full_QK, full_QK)
    lists = [torch.from_numpy(part).to(device) for some in (partial, full) for part in _listed(some)]
    return BlockMask.from_kv_blocks(*lists, BLOCK_SIZE=block, mask_mod=mask_mod, seq_lengths=(length, length))


def visible_pairs(
    documents: Sequence[Document], length: int, *, window: int | None = None, block: int = BLOCK
) -> Ints64:
    """The number of pairs of a query and a key that it sees in each block, [Q, K]."""
    pairs_QK = np.zeros((-(-length // block),) * 2, dtype=np.int64)
    for document in documents:
        for keys, first in ((document.before, 0), (document.own, document.offset)):
            if keys[0] == keys[1]:
                continue
            q_blocks, q0, q1 = _cut(document.own, document.offset, block)
            k_blocks, k0, k1 = _cut(keys, first, block)
            seen = _pairs(q0[:, None], q1[:, None], k0, k1, 0)
            if window is not None:
                seen = seen - _pairs(q0[:, None], q1[:, None], k0, k1, window)
            pairs_QK[np.ix_(q_blocks, k_blocks)] += seen
    return pairs_QK


def _cut(span: tuple[int, int], first: int, block: int) -> tuple[Ints64, Ints64, Ints64]:
    """The blocks that a span of the row meets, and the half-open range of positions that it has in each.

    Args:
        first: the position of the span's first token.
    """
    blocks = np.arange(span[0] // block, -(-span[1] // block))
    start = np.maximum(blocks * block, span[0]) - span[0] + first
    end = np.minimum((blocks + 1) * block, span[1]) - span[0] + first
    return blocks, start, end


def _pairs(q0: Ints64, q1: Ints64, k0: Ints64, k1: Ints64, apart: int) -> Ints64:
    """The number of pairs q in [q0, q1), k in [k0, k1) with q - k >= apart.

    A query q has min(max(q - apart - k0 + 1, 0), k1 - k0) such keys.
    """
    keys = k1 - k0
    return _sum_up_to(q1 - apart - k0, keys) - _sum_up_to(q0 - apart - k0, keys)


def _sum_up_to(last: Ints64, most: Ints64) -> Ints64:
    """The sum of min(max(j, 0), most) over all integers j <= last."""
    below = np.clip(last, 0, most)
    return below * (below + 1) // 2 + most * np.maximum(last - most, 0)


def _listed(blocks_QK: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """For each block of queries, the number of chosen blocks of keys [1, 1, Q], and the indices of these blocks, before
    those of the others [1, 1, Q, K]."""
    count_Q = blocks_QK.sum(1, dtype=np.int32)
    order_QK = np.argsort(~blocks_QK, axis=1, kind="stable").astype(np.int32)
    return count_Q[None, None], order_QK[None, None]
