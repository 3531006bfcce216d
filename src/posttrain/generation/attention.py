"""Attention of generation: each row attends to its group's shared prompt and to its own tokens.

It plugs into unmodified transformers models like `core.attention`. This module writes the cache, not the model. The
legend is in `generation.cache`.
"""

from dataclasses import dataclass
from functools import cache as once
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import AttentionInterface

from posttrain.core.attention import Layout, branching_attention
from posttrain.generation.cache import Cache, Step, Tile

NAME = "posttrain_rollout"
"""The name of this attention in transformers' registry."""


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
    q_XHRd = q_BHRd.index_select(0, step.tile_index)
    own_BHRL = (own_k @ q_BHRd.mT).mT  # faster than q k^T, since the keys are many more than the queries
    tiles = [
        F.pad(
            _by_rows((_keys_of(prompt_k, tile) @ _by_prompts(q_XHRd, tile).mT).mT, tile),
            (0, step.prompt - tile.longest),
        )
        for tile in step.tiles
    ]
    prompt_BHRP = torch.cat(tiles).index_select(0, step.back_B)
    p_BHRS = _probabilities(torch.cat([own_BHRL, prompt_BHRP], -1), step.mask(window), softcap).to(value.dtype)
    own, prompt = p_BHRS.split([step.longest, step.prompt], -1)
    prompt_XHRP = prompt.index_select(0, step.tile_index)
    parts = [
        _by_rows(_by_prompts(prompt_XHRP[..., : tile.longest], tile) @ _keys_of(prompt_v, tile), tile)
        for tile in step.tiles
    ]
    return (own @ own_v + torch.cat(parts).index_select(0, step.back_B)).flatten(1, 2)


def _keys_of(prompts: Tensor, tile: Tile) -> Tensor:
    """Keys or values of a tile's prompts, [S, H, P, d]."""
    return prompts[tile.slot : tile.slot + tile.slots, :, : tile.longest]


def _by_prompts(x_XHRd: Tensor, tile: Tile) -> Tensor:
    """[S, H, M R, d]: the rows of each prompt of a tile, side by side."""
    return x_XHRd[tile.start : tile.end].unflatten(0, (tile.slots, -1)).transpose(1, 2).flatten(2, 3)


def _by_rows(x_SHMd: Tensor, tile: Tile) -> Tensor:
    """[S M, H, R, d], from what `_by_prompts` gives."""
    rows = (tile.end - tile.start) // tile.slots
    return x_SHMd.unflatten(2, (rows, -1)).transpose(1, 2).flatten(0, 1)


def _probabilities(scores: Tensor, mask: Tensor | None, softcap: float | None) -> Tensor:
    """Softmax over the last dimension, in float32."""
    scores = scores.float()
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    return (scores if mask is None else scores + mask).softmax(-1)


@once
def register_generation_attention() -> str:
    """Put this attention into transformers' registry, once; its name."""
    AttentionInterface.register(NAME, generation_attention)
    return NAME
