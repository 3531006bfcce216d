"""Attention over branching rows: a token attends to its own branch and to the shared prompt only.

It plugs into unmodified transformers models through their attention registry. A model that is loaded with
``attn_implementation=NAME`` and called with ``layout=Layout`` computes exactly what it computes for each
(prompt, completion) alone. It makes no [T, T] mask: on CPU, documents of similar length share one small tile; on
CUDA, the same structure becomes a FlexAttention block mask.

Legend: ``T`` packed tokens, ``B`` documents of a tile, ``L`` queries of a document, ``S`` its keys, ``H`` heads.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention.flex_attention import flex_attention

from posttrain.core.bfloat16_attention import bfloat16_attention
from posttrain.core.block_mask import Document, block_mask
from posttrain.core.packing import Batch, Branch

NAME = "posttrain_branching"
"""The name of this attention in transformers' registry."""

PADDING = 1.25
"""The largest ratio of a tile's size to the size of its documents. A padded tile is cheaper than one call per document,
since short documents have more overhead than attention work."""


@dataclass(frozen=True, slots=True)
class _Tile:
    """Documents of one attention call: shapes, and the index of each document's first query among its keys; offset is
    the largest of these."""

    documents: int
    queries: int
    keys: int
    offset: int
    offset_B: Tensor


@dataclass(slots=True)
class Layout:
    """The attention structure of one packed row, computed once for all layers.

    Args:
        tiles: the attention calls.
        query_index: indices of the row's tokens in the order of the tiles, padded with 0.
        key_index: the same for keys; a shared prompt is listed once for each of its branches.
        inverse_T: index of each token of the row in `query_index`.
        repeated: whether `key_index` lists a token twice; its gradient is then a sum.
        group_T, branch_T, position_T: the same structure for FlexAttention's mask function.
        documents: the same structure for its block mask.
    """

    tiles: tuple[_Tile, ...]
    query_index: Tensor
    key_index: Tensor
    inverse_T: Tensor
    repeated: bool
    group_T: Tensor
    branch_T: Tensor
    position_T: Tensor
    documents: tuple[Document, ...]
    masks: dict[Any, Any] = field(default_factory=dict)


def layout_of(batch: Batch) -> Layout:
    """The attention structure of a packed row."""
    device = batch.tokens_T.device
    documents = _documents(batch.branches)
    length = len(batch.tokens_T)
    inverse = torch.zeros(length, dtype=torch.long)
    queries: list[Tensor] = []
    keys: list[Tensor] = []
    tiles: list[_Tile] = []
    base = 0
    for bucket in _buckets(documents):
        n_queries = max(d.queries for d in bucket)
        n_keys = max(d.offset + d.queries for d in bucket)
        query = torch.zeros(len(bucket), n_queries, dtype=torch.long)
        key = torch.zeros(len(bucket), n_keys, dtype=torch.long)
        for b, d in enumerate(bucket):
            own = torch.arange(*d.own)
            query[b, : d.queries] = own
            key[b, : d.offset] = torch.arange(*d.before)
            key[b, d.offset : d.offset + d.queries] = own
            inverse[d.own[0] : d.own[1]] = base + b * n_queries + torch.arange(d.queries)
        base += query.numel()
        queries.append(query.flatten())
        keys.append(key.flatten())
        offsets = torch.tensor([d.offset for d in bucket], device=device)
        tiles.append(_Tile(len(bucket), n_queries, n_keys, max(d.offset for d in bucket), offsets))
    group_T, branch_T = _membership(batch.branches, length)
    return Layout(
        tiles=tuple(tiles),
        query_index=torch.cat(queries).to(device),
        key_index=torch.cat(keys).to(device),
        inverse_T=inverse.to(device),
        repeated=any(d.offset for d in documents),
        group_T=group_T.to(device),
        branch_T=branch_T.to(device),
        position_T=batch.position_T,
        documents=tuple(documents),
    )


def _documents(branches: Sequence[Branch]) -> list[Document]:
    """The documents of a row. A single completion and its prompt form one; otherwise the prompt and each branch do."""
    siblings: dict[int, list[Branch]] = {}
    for branch in branches:
        siblings.setdefault(branch.group, []).append(branch)
    documents: list[Document] = []
    for family in siblings.values():
        start, end = family[0].prompt
        if len(family) == 1:
            documents.append(Document((start, start), (start, family[0].own[1])))
        else:
            documents.append(Document((start, start), (start, end)))
            documents.extend(Document(branch.prompt, branch.own) for branch in family)
    return documents


def _buckets(documents: Sequence[Document]) -> list[list[Document]]:
    """Documents of similar length share a tile as long as padding stays within `PADDING`."""
    buckets: list[list[Document]] = []
    used = area = 0
    for d in sorted(documents, key=lambda d: (d.offset > 0, d.queries + d.offset, d.queries)):
        work = d.queries * (d.queries + d.offset)
        if buckets and (buckets[-1][0].offset > 0) == (d.offset > 0):
            bucket = buckets[-1]
            tile = (
                max(d.queries, *(x.queries for x in bucket)) if len(bucket) > 1 else max(d.queries, bucket[0].queries)
            )
            area = (len(bucket) + 1) * tile * (d.queries + d.offset)
            if area <= PADDING * (used + work):
                bucket.append(d)
                used += work
                continue
        buckets.append([d])
        used = work
    return buckets


def _membership(branches: Sequence[Branch], length: int) -> tuple[Tensor, Tensor]:
    group_T = torch.zeros(length, dtype=torch.long)
    branch_T = torch.zeros(length, dtype=torch.long)
    for number, branch in enumerate(branches, start=1):
        group_T[branch.prompt[0] : branch.own[1]] = branch.group
        branch_T[branch.own[0] : branch.own[1]] = number
    return group_T, branch_T


class _Gather(torch.autograd.Function):
    """Rows by index. Each row must be taken at least once, and padding must get no gradient. The backward pass is then
    also a gather, which is several times faster than a scatter."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, index: Tensor, inverse: Tensor) -> Tensor:
        ctx.save_for_backward(inverse)
        return x.index_select(0, index)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (inverse,) = ctx.saved_tensors
        return grads[0].index_select(0, inverse), None, None


def branching_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    layout: Layout,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """The attention function that transformers calls in each layer.

    Args:
        query: [1, H, T, head_dim]; key, value: [1, H_kv, T, head_dim].
        layout: the result of `layout_of`; the model passes it through its keyword arguments.
        sliding_window: the largest number of positions that a query sees, including its own.
        softcap: scores become ``softcap * tanh(scores / softcap)`` (Gemma 2).

    Returns:
        [1, T, H, head_dim] and no weights.
    """
    if dropout:
        raise ValueError("branching attention has no dropout, since it would add noise to ratios and KL")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if query.is_cuda:
        return _flex(query, key, value, layout, scale, sliding_window, softcap), None
    q_T, k_T, v_T = (x[0].transpose(0, 1) for x in (query, key, value))
    q_tiles = _Gather.apply(q_T, layout.query_index, layout.inverse_T)
    if layout.repeated:
        k_tiles, v_tiles = (x.index_select(0, layout.key_index) for x in (k_T, v_T))
    else:
        k_tiles, v_tiles = (_Gather.apply(x, layout.key_index, layout.inverse_T) for x in (k_T, v_T))
    # `split` instead of slices: the gradient of a slice is a whole tensor of zeros.
    q_parts = q_tiles.split([tile.documents * tile.queries for tile in layout.tiles])
    k_parts, v_parts = (x.split([tile.documents * tile.keys for tile in layout.tiles]) for x in (k_tiles, v_tiles))
    outputs: list[Tensor] = []
    for number, tile in enumerate(layout.tiles):
        q_BHLD = q_parts[number].unflatten(0, (tile.documents, tile.queries)).transpose(1, 2)
        k_BHSD, v_BHSD = (
            x[number].unflatten(0, (tile.documents, tile.keys)).transpose(1, 2) for x in (k_parts, v_parts)
        )
        if v_BHSD.dtype == torch.bfloat16 and softcap is None:
            bias = _tile_bias(layout, number, sliding_window)
            out = bfloat16_attention(q_BHLD, k_BHSD, v_BHSD, bias, scale, offset=tile.offset)
        else:
            mask = _tile_mask(layout, number, sliding_window, always=softcap is not None)
            out = _attend(q_BHLD, k_BHSD, v_BHSD, mask, scale, softcap)
        outputs.append(out.transpose(1, 2).flatten(0, 1))
    return torch.cat(outputs).index_select(0, layout.inverse_T)[None], None


def _tile_mask(layout: Layout, number: int, window: int | None, always: bool) -> Tensor | None:
    """[B, 1, L, S], True where a query sees a key; None where it equals plain causal attention."""
    tile = layout.tiles[number]
    narrow = window is not None and window < tile.keys
    if not (narrow or always or tile.offset):
        return None
    slot = (number, window if narrow else None)
    if slot not in layout.masks:
        device = tile.offset_B.device
        at_query = tile.offset_B[:, None, None] + torch.arange(tile.queries, device=device)[:, None]
        at_query.clamp_(max=tile.keys - 1)  # padding must see a key: softmax over no key is NaN, and so is 0 x NaN
        at_key = torch.arange(tile.keys, device=device)
        mask = at_key <= at_query
        if narrow and window is not None:
            mask &= at_key > at_query - window
        layout.masks[slot] = mask[:, None]
    return layout.masks[slot]


def _tile_bias(layout: Layout, number: int, window: int | None) -> Tensor:
    """The mask of a tile, to be added to scores: 0 where a query sees a key, else minus infinity."""
    slot = ("bias", number, window)
    if slot not in layout.masks:
        mask = _tile_mask(layout, number, window, always=True)
        assert mask is not None
        layout.masks[slot] = torch.zeros(mask.shape, device=mask.device).masked_fill_(~mask, float("-inf"))
    return layout.masks[slot]


def _attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float, softcap: float | None) -> Tensor:
    if softcap is None:
        grouped = q.shape[1] != k.shape[1]
        return F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=mask is None, scale=scale, enable_gqa=grouped
        )
    assert mask is not None
    repeats = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(repeats, 1), v.repeat_interleave(repeats, 1)
    scores = softcap * torch.tanh(q @ k.transpose(-1, -2) * (scale / softcap))
    return scores.masked_fill(~mask, float("-inf")).softmax(-1, dtype=torch.float32).to(q.dtype) @ v


def _flex(
    q: Tensor, k: Tensor, v: Tensor, layout: Layout, scale: float, window: int | None, softcap: float | None
) -> Tensor:
    slot = ("flex", window)
    if slot not in layout.masks:
        layout.masks[slot] = block_mask(
            layout.documents, q.shape[2], flex_mask(layout, window), window=window, device=q.device
        )
    attend = _compiled_flex() if q.is_cuda else _plain_flex()
    score_mod = None if softcap is None else _softcap_mod(softcap)
    out = attend(q, k, v, score_mod=score_mod, block_mask=layout.masks[slot], scale=scale, enable_gqa=True)
    return out.transpose(1, 2)


def flex_mask(layout: Layout, window: int | None) -> Any:
    """The row's structure as a FlexAttention ``mask_mod``."""

    def sees(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        same = layout.group_T[q] == layout.group_T[k]
        visible = (layout.branch_T[k] == 0) | (layout.branch_T[k] == layout.branch_T[q])
        near = layout.position_T[q] - layout.position_T[k] < (window or 1 << 30)
        return same & visible & (k <= q) & near

    return sees


def _softcap_mod(softcap: float) -> Any:
    def cap(score: Tensor, b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return softcap * torch.tanh(score / softcap)

    return cap


@cache
def _compiled_flex() -> Any:
    return torch.compile(flex_attention, dynamic=True)


def _plain_flex() -> Any:
    return flex_attention


@cache
def register_branching_attention() -> str:
    """Add branching attention to transformers' registry once, and return its name."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, branching_attention)
    return NAME
