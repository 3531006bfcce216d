"""Attention while writing: a row looks at its group's shared prompt and at what it has written itself.

Plugged into unmodified transformers models like `core.attention`; the cache is written here, not by the model.
Legend in `rollout.cache`.
"""

from dataclasses import dataclass
from functools import cache as once
from typing import Any

import torch
from torch import Tensor

from posttrain.core.attention import Layout, branching_attention
from posttrain.rollout.cache import Cache, Step

NAME = "posttrain_rollout"
"""The name under which `register` puts this attention into transformers' registry."""


@dataclass(frozen=True, slots=True)
class Prefill:
    """Prompts laid end to end, read once and kept.

    Args:
        cache: takes their keys and values.
        layout: of the packed row.
        spans: half-open range of each prompt in the row.
        slots: where each is kept.
    """

    cache: Cache
    layout: Layout
    spans: list[tuple[int, int]]
    slots: list[int]


def rollout_attention(
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
    """The attention function transformers calls in each layer.

    Args:
        query: [1, H R, T, head_dim]; key, value: [1, H, T, head_dim]. T are the tokens of the prompts, or one a row.
        rollout: what is being done, passed through the model's keyword arguments.

    Returns:
        [1, T, H R, head_dim] and no weights.
    """
    layer: int = module.layer_idx  # type: ignore[assignment]
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
    at = (torch.arange(rows, device=key.device), slice(None), step.length_B)
    own_k[at], own_v[at] = key[0].transpose(0, 1), value[0].transpose(0, 1)
    prompt_k, prompt_v = (x[: step.slots, :, : step.longest[0]] for x in step.cache.prompts_of(layer, key, value))
    own_k, own_v = (x[:rows, :, : step.longest[1]] for x in (own_k, own_v))

    q_BHRd = query.transpose(0, 1).unflatten(1, (heads, -1))
    scores = query.new_empty(*q_BHRd.shape[:3], sum(step.longest))
    shared_SHMR = _to_tiles(q_BHRd, step) @ prompt_k.transpose(-1, -2)
    scores[..., : step.longest[0]] = _to_rows(shared_SHMR, step, q_BHRd.shape[2])
    scores[..., step.longest[0] :] = q_BHRd @ own_k.transpose(-1, -2)
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    weight = (scores + step.mask(window, scores.dtype)).softmax(-1, dtype=torch.float32).to(scores.dtype)
    from_prompt = _to_tiles(weight[..., : step.longest[0]], step) @ prompt_v
    out_BHRd = _to_rows(from_prompt, step, q_BHRd.shape[2]) + weight[..., step.longest[0] :] @ own_v
    return out_BHRd.flatten(1, 2)


def _to_tiles(x_BHRd: Tensor, step: Step) -> Tensor:
    """[B, H, R, d] → [S, H, M R, d]: the rows of one prompt side by side."""
    tiles = x_BHRd.index_select(0, step.tile_index).unflatten(0, (step.slots, -1))
    return tiles.transpose(1, 2).flatten(2, 3)


def _to_rows(x: Tensor, step: Step, repeats: int) -> Tensor:
    """[S, H, M R, d] → [B, H, R, d]."""
    return x.unflatten(2, (-1, repeats)).transpose(1, 2).flatten(0, 1).index_select(0, step.back_B)


@once
def register() -> str:
    """Put this attention into transformers' registry, once; returns its name."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, rollout_attention)
    return NAME
