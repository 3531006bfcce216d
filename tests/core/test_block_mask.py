"""The block mask from documents is the one that torch makes from the whole grid, exactly, for any row."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention.flex_attention import BlockMask, create_block_mask

from posttrain.core.attention import flex_mask, layout_of
from posttrain.core.block_mask import block_mask, visible_pairs
from posttrain.core.group import Group
from posttrain.core.packing import collate
from structures import groups, random_group

BLOCKS = st.sampled_from([2, 3, 4, 8])


def listed(mask: BlockMask) -> list[list[list[int]]]:
    """For each block of queries: its partial blocks of keys, and its full ones; then the same by keys."""
    found: list[list[list[int]]] = []
    for counts, indices in (
        (mask.kv_num_blocks, mask.kv_indices),
        (mask.full_kv_num_blocks, mask.full_kv_indices),
        (mask.q_num_blocks, mask.q_indices),
        (mask.full_q_num_blocks, mask.full_q_indices),
    ):
        assert counts is not None
        assert indices is not None
        assert counts.dtype == indices.dtype == torch.int32
        found.append([sorted(row[:n].tolist()) for n, row in zip(counts[0, 0].tolist(), indices[0, 0], strict=True)])
    return found


def check(packed: list[Group], window: int | None, block: int) -> None:
    layout = layout_of(collate(packed))
    length = len(layout.group_T)
    sees = flex_mask(layout, window)
    ours = block_mask(layout.documents, length, sees, window=window, block=block)
    theirs = create_block_mask(sees, 1, 1, length, length, device="cpu", BLOCK_SIZE=block)
    assert listed(ours) == listed(theirs)
    assert ours.shape == theirs.shape
    assert ours.seq_lengths == theirs.seq_lengths


@settings(max_examples=400)
@given(groups(largest=12), st.none() | st.integers(1, 12), BLOCKS)
def test_it_is_torch_s_mask_of_the_grid(packed: list[Group], window: int | None, block: int) -> None:
    check(packed, window, block)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_torch_s_mask_of_long_rows_in_blocks_of_128(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(6):
        some = [
            random_group(rng, int(rng.integers(1, 300)), rng.integers(1, 200, int(rng.integers(1, 5))).tolist())
            for _ in range(int(rng.integers(1, 4)))
        ]
        check(some, None if rng.random() < 0.5 else int(rng.integers(1, 400)), 128)


@settings(max_examples=100)
@given(groups(largest=9), st.none() | st.integers(1, 9))
def test_pairs_are_counted_one_by_one(packed: list[Group], window: int | None) -> None:
    layout = layout_of(collate(packed))
    places = torch.arange(len(layout.group_T))
    zero = torch.zeros((), dtype=torch.long)
    grid = flex_mask(layout, window)(zero, zero, places[:, None], places[None, :])
    counted = visible_pairs(layout.documents, len(places), window=window, block=1)
    assert (counted == grid.numpy()).all()
