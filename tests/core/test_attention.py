"""Branching attention equals a dense softmax under the mask that the plain texts imply."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from posttrain.core import attention
from posttrain.core.attention import branching_attention, flex_mask, layout_of
from posttrain.core.group import Group
from posttrain.core.packing import Batch, collate
from structures import groups, random_group
from tensors import Watched

MODULE = torch.nn.Identity()
windows = st.none() | st.integers(1, 9)
softcaps = st.none() | st.just(2.0)


def truth(batch: Batch, window: int | None) -> Tensor:
    """[T, T], True if query i may see key j: one plain text contains both, and j is in i's window of that text."""
    length = len(batch.tokens_T)
    visible = torch.zeros(length, length, dtype=torch.bool)
    for branch in batch.branches:
        text = [*range(*branch.prompt), *range(*branch.own)]
        for at, i in enumerate(text):
            for back, j in enumerate(reversed(text[: at + 1])):
                visible[i, j] |= window is None or back < window
    return visible


def dense(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, scale: float, softcap: float | None) -> Tensor:
    """[1, T, H, D] computed by the definition, in the inputs' precision."""
    repeats = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(repeats, 1), v.repeat_interleave(repeats, 1)
    scores = q @ k.transpose(-1, -2) * scale
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    return (scores.masked_fill(~mask, float("-inf")).softmax(-1) @ v).transpose(1, 2)


def random_qkv(length: int, heads: int = 4, kv_heads: int = 2, width: int = 8) -> list[Tensor]:
    generator = torch.Generator().manual_seed(length)
    return [torch.randn(1, h, length, width, generator=generator).requires_grad_() for h in (heads, kv_heads, kv_heads)]


@settings(max_examples=40)
@given(groups(largest=4, longest=16), windows, softcaps, st.sampled_from([None, 0.7]))
def test_values_and_gradients_are_those_of_the_plain_texts(
    packed: list[Group], window: int | None, softcap: float | None, scaling: float | None
) -> None:
    batch = collate(packed)
    qkv = random_qkv(len(batch.tokens_T))
    doubles = [x.detach().double().requires_grad_() for x in qkv]
    result, _ = branching_attention(
        MODULE, *qkv, None, layout=layout_of(batch), scaling=scaling, sliding_window=window, softcap=softcap
    )
    expected = dense(*doubles, truth(batch, window), scaling or 8**-0.5, softcap)
    torch.testing.assert_close(result.double(), expected, atol=2e-6, rtol=1e-5)
    upstream = torch.randn(result.shape, generator=torch.Generator().manual_seed(1))
    result.backward(upstream)
    expected.backward(upstream.double())
    for x, reference in zip(qkv, doubles, strict=True):
        assert x.grad is not None
        assert reference.grad is not None
        torch.testing.assert_close(x.grad.double(), reference.grad, atol=1e-5, rtol=1e-5)


@settings(max_examples=40)
@given(groups(), windows)
def test_flex_attention_gets_the_same_structure(packed: list[Group], window: int | None) -> None:
    batch = collate(packed)
    places = torch.arange(len(batch.tokens_T))
    zero = torch.zeros((), dtype=torch.long)
    mask = flex_mask(layout_of(batch), window)(zero, zero, places[:, None], places[None, :])
    assert mask.equal(truth(batch, window))


@pytest.mark.filterwarnings("ignore:flex_attention called without")
@pytest.mark.parametrize(("window", "softcap"), [(None, None), (3, None), (None, 2.0), (3, 2.0)])
def test_flex_attention_gives_the_same_values(window: int | None, softcap: float | None) -> None:
    """FlexAttention without compilation, as far as a CPU can run it; a GPU compiles the same call."""
    rng = np.random.default_rng(0)
    batch = collate([random_group(rng, 4, [3, 5]), random_group(rng, 6, [2])])
    q, k, v = (x.detach() for x in random_qkv(len(batch.tokens_T)))
    result = attention._flex(q, k, v, layout_of(batch), 0.5, window, softcap)
    torch.testing.assert_close(result, dense(q, k, v, truth(batch, window), 0.5, softcap), atol=1e-5, rtol=1e-5)


@settings(max_examples=30)
@given(groups(largest=3), st.data())
def test_a_branch_never_sees_its_sibling(packed: list[Group], data: st.DataObject) -> None:
    """A branch does not depend on a sibling's keys and values, bit for bit."""
    batch = collate(packed)
    layout = layout_of(batch)
    q, k, v = (x.detach() for x in random_qkv(len(batch.tokens_T)))
    before, _ = branching_attention(MODULE, q, k, v, None, layout=layout)
    changed = data.draw(st.sampled_from(batch.branches))
    k[:, :, slice(*changed.own)] = 1e3
    v[:, :, slice(*changed.own)] = -1e3
    after, _ = branching_attention(MODULE, q, k, v, None, layout=layout)
    other = torch.ones(len(batch.tokens_T), dtype=torch.bool)
    other[slice(*changed.own)] = False
    assert after[:, other].equal(before[:, other])


def test_padding_within_a_tile_never_makes_gradients_nan() -> None:
    """Two branches of different length in one tile, a window narrower than the difference, and a soft cap: the
    shorter one's padded queries would see nothing at all."""
    rng = np.random.default_rng(0)
    batch = collate([random_group(rng, 60 - n, [n, n]) for n in (40, 48)])
    qkv = random_qkv(len(batch.tokens_T))
    out, _ = branching_attention(MODULE, *qkv, None, layout=layout_of(batch), sliding_window=3, softcap=5.0)
    out.square().sum().backward()
    assert all(x.grad is not None and x.grad.isfinite().all() for x in qkv)


@pytest.mark.parametrize("softcap", [None, 2.0])
def test_no_tensor_grows_with_the_square_of_the_row(softcap: float | None) -> None:
    rng = np.random.default_rng(0)
    largest: list[int] = []
    for count in (16, 64):
        batch = collate([random_group(rng, 12, [10, 9, 11]) for _ in range(count)])
        qkv = random_qkv(len(batch.tokens_T))
        with Watched() as seen:
            out, _ = branching_attention(MODULE, *qkv, None, layout=layout_of(batch), softcap=softcap)
            out.sum().backward()
        largest.append(seen.largest)
    assert largest[1] <= 4.5 * largest[0], "four times the row, four times the memory"


def test_attention_dropout_is_refused() -> None:
    batch = collate([random_group(np.random.default_rng(0), 2, [3])])
    with pytest.raises(ValueError, match="no dropout"):
        branching_attention(MODULE, *random_qkv(5), None, layout=layout_of(batch), dropout=0.1)
