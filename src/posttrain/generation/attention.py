"""Attention of generation: each row attends to its group's shared prompt and to its own tokens.

It plugs into unmodified transformers models like `core.attention`. This module writes the cache, not the model. The
legend is in `generation.cache`.
"""

from dataclasses import dataclass
from functools import cache as once
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface

from posttrain.core.attention import Layout, branching_attention
from posttrain.generation.cache import Cache, Step

NAME = "posttrain_rollout"
"""The name of this attention in transformers' registry."""

LEAST = -1e30
"""The largest score of a row that sees no key of a part."""


@dataclass(frozen=True, slots=True)
class Prefill:
    """Prompts, laid end to end, whose keys and values are computed once and kept.

    Args:
        cache: the cache for their keys and values.
        layout: the layout of the packed row.
        spans: the half-open range of each prompt in the row.
        slots: the slot of each prompt in the cache.
    """

    cache: Cache
    layout: Layout
    spans: list[tuple[int, int]]
    slots: list[int]


def generation_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    rollout: Prefill | Step,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """The attention function that transformers calls in each layer.

    Args:
        query: [1, H R, T, head_dim]; key, value: [1, H, T, head_dim]. T are the tokens of the prompts, or one per row.
        rollout: prompts to read or a step to decode; the model passes it through its keyword arguments.

    Returns:
        [1, T, H R, head_dim] and no weights.
    """
    layer: int = module.layer_idx  # type: ignore[assignment]
    query, key = query.to(value.dtype), key.to(value.dtype)  # under autocast, rotation makes them float32 again
    if isinstance(rollout, Prefill):
        for kept, new in zip(rollout.cache.prompts_of(layer, key, value), (key, value), strict=True):
            for (start, end), slot in zip(rollout.spans, rollout.slots, strict=True):
                kept[slot, :, : end - start] = new[0, :, start:end]
        return branching_attention(
            module,
            query,
            key,
            value,
            None,
            layout=rollout.layout,
            scaling=scaling,
            sliding_window=sliding_window,
            softcap=softcap,
        )
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    return _decode(query[0] * scale, key, value, rollout, layer, sliding_window, softcap)[None], None


def _decode(
    query: Tensor, key: Tensor, value: Tensor, step: Step, layer: int, window: int | None, softcap: float | None
) -> Tensor:
    """[B, H R, head_dim] from a query [H R, B, head_dim], already scaled."""
    heads, rows = key.shape[1], key.shape[2]
    own_k, own_v = step.cache.own_of(layer, key, value)
    at = (step.row_B, slice(None), step.length_B)
    own_k[at], own_v[at] = key[0].transpose(0, 1), value[0].transpose(0, 1)
    own_k, own_v = (x[:rows, :, : step.longest] for x in (own_k, own_v))
    prompt_k, prompt_v = step.cache.prompts_of(layer, key, value)

    q_BHRd = query.transpose(0, 1).unflatten(1, (heads, -1))
    own = _attend(q_BHRd, own_k, own_v, step.own_mask(window), softcap, sees=True)  # a token sees itself
    q_XHRd = q_BHRd.index_select(0, step.tile_index)
    parts: list[tuple[Tensor, ...]] = []
    for number, tile in enumerate(step.tiles):
        slots = slice(tile.slot, tile.slot + tile.slots)
        # [S, H, M R, d]: the rows of one prompt are side by side
        q = q_XHRd[tile.start : tile.end].unflatten(0, (tile.slots, -1)).transpose(1, 2).flatten(2, 3)
        keys, values = (x[slots, :, : tile.longest] for x in (prompt_k, prompt_v))
        mask = step.prompt_mask(number, window, q_BHRd.shape[2])
        part = _attend(q, keys, values, mask, softcap, sees=window is None)
        parts.append(tuple(x.unflatten(2, (-1, q_BHRd.shape[2])).transpose(1, 2).flatten(0, 1) for x in part))
    prompt = (torch.cat(x).index_select(0, step.back_B) for x in zip(*parts, strict=True))
    return _joined(*own, *prompt).to(query.dtype).flatten(1, 2)


def _attend(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, softcap: float | None, *, sees: bool
) -> tuple[Tensor, Tensor]:
    """Attention over one part of the keys, and the logarithm of the summed exponentials of its scores: what it weighs.

    The latter is float32, and its last dimension is 1. A row that sees no key of the part weighs nothing.

    Args:
        q: already scaled.
        sees: whether each row is known to see a key.
    """
    if q.device.type == "cpu" and softcap is None and sees:
        out, weight = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, attn_mask=mask, scale=1.0)
        return out, weight[..., None]
    scores = (q @ k.transpose(-1, -2)).float()
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    if mask is not None:
        scores += mask
    top = scores.amax(-1, keepdim=True).clamp_(min=LEAST)
    share = scores.sub_(top).exp_()
    total = share.sum(-1, keepdim=True)
    return (share.to(v.dtype) @ v).float() / total.clamp(min=1e-30), total.log_().add_(top)


def _joined(out: Tensor, weight: Tensor, out2: Tensor, weight2: Tensor) -> Tensor:
    """Attention over both parts, from the results of `_attend` for each. Each row sees a key of the first part."""
    share = torch.sigmoid(weight - weight2)
    return share * out + (1 - share) * out2


@once
def register_generation_attention() -> str:
    """Put this attention into transformers' registry, once; its name."""
    AttentionInterface.register(NAME, generation_attention)
    return NAME
