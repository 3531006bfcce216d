"""Attention by matrix products, against the definition in float64."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from posttrain.core.bfloat16_attention import BLOCK, bfloat16_attention


def definition(q: Tensor, k: Tensor, v: Tensor, sees: Tensor, scale: float) -> Tensor:
    repeats = q.shape[1] // k.shape[1]
    k, v = (x.repeat_interleave(repeats, 1) for x in (k, v))
    scores = (scale * q @ k.transpose(-1, -2)).masked_fill(~sees, float("-inf"))
    return scores.softmax(-1) @ v


def with_gradients(out: Tensor, inputs: list[Tensor], upstream: Tensor) -> list[Tensor]:
    return [out.detach(), *torch.autograd.grad(out, inputs, upstream.to(out.dtype))]


@given(
    queries=st.sampled_from([1, 3, BLOCK, BLOCK + 1, 2 * BLOCK + 5]),
    offset=st.sampled_from([0, 2, BLOCK + 3]),
    heads=st.sampled_from([(1, 1), (4, 2), (6, 1)]),
    window=st.sampled_from([None, 5]),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
)
@settings(max_examples=40, deadline=None)
def test_outputs_and_gradients_are_those_of_the_definition(
    queries: int, offset: int, heads: tuple[int, int], window: int | None, dtype: torch.dtype
) -> None:
    """Two documents of a tile: the second one sees `offset` keys before its own, and the first one fewer."""
    torch.manual_seed(0)
    keys, width, scale = queries + offset, 8, 0.3
    at_query = torch.tensor([offset // 2, offset])[:, None, None] + torch.arange(queries)[:, None]
    at_key = torch.arange(keys)
    sees = (at_key <= at_query) & (at_key > at_query - (window or 10**6))
    bias = torch.zeros(sees.shape).masked_fill_(~sees, float("-inf"))[:, None]
    shapes = [(heads[0], queries), (heads[1], keys), (heads[1], keys)]
    given = [torch.randn(2, h, n, width).to(dtype).requires_grad_() for h, n in shapes]
    upstream = torch.randn(2, heads[0], queries, width).to(dtype)
    exact = [x.detach().double().requires_grad_() for x in given]
    ours = with_gradients(bfloat16_attention(*given, bias, scale, offset=offset), given, upstream)
    right = with_gradients(definition(*exact, sees[:, None], scale), exact, upstream)
    for found, expected in zip(ours, right, strict=True):
        assert found.dtype == dtype
        error = (found.double() - expected).norm() / (expected.norm() + 1e-9)
        assert error < (1e-5 if dtype == torch.float32 else 1e-2)


def test_rotated_queries_in_float32_are_rounded_and_get_gradients_in_float32() -> None:
    q, k = (torch.randn(1, 2, 4, 8, requires_grad=True) for _ in range(2))
    v = torch.randn(1, 2, 4, 8, dtype=torch.bfloat16)
    bias = torch.full((4, 4), float("-inf")).triu_(1)
    with torch.autocast("cpu", torch.bfloat16):
        out = bfloat16_attention(q, k, v, bias, 0.3, offset=0)
    gradients = torch.autograd.grad(out.float().sum(), [q, k])
    assert [x.dtype for x in (out, *gradients)] == [torch.bfloat16, torch.float32, torch.float32]


@pytest.mark.parametrize("length", [BLOCK, 4 * BLOCK])
def test_nothing_but_the_inputs_is_kept_for_the_backward_pass(length: int) -> None:
    q, k, v = (torch.randn(1, 2, length, 8, dtype=torch.bfloat16, requires_grad=True) for _ in range(3))
    bias = torch.full((length, length), float("-inf")).triu_(1)
    kept: list[int] = []
    hooks = torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x.data_ptr()) or x, lambda x: x)
    with hooks:
        bfloat16_attention(q, k, v, bias, 0.3, offset=0)
    assert set(kept) == {x.data_ptr() for x in (q, k, v, bias)}
