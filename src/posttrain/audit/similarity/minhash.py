"""Near duplicates: MinHash finds candidates, exact Jaccard similarity of their shingles decides.

A shingle is three words in a row. Signatures are computed for a whole batch of texts at once, as minima over flat
arrays (Broder, "On the resemblance and containment of documents", 1997); rows that agree in one of `BANDS` bands of
`ROWS_A_BAND` minima are candidates (Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", ch. 3).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.similarity.word_hashes import U32, U64, Counts, word_hashes

SIMILAR = 0.7
"""Jaccard similarity of three-word shingles from which on two texts are near duplicates."""

BANDS, ROWS_A_BAND = 24, 4
"""Of signatures: two texts of similarity 0.7 are missed once in 700 times, of 0.8 once in 300,000."""

_draw = np.random.default_rng(0)
_A = _draw.integers(1, 2**32, (BANDS, ROWS_A_BAND), dtype=np.uint32) | np.uint32(1)
_B = _draw.integers(0, 2**32, (BANDS, ROWS_A_BAND), dtype=np.uint32)
_M1, _M2, _M3 = np.uint32(0x9E3779B1), np.uint32(0x85EBCA77), np.uint32(0xC2B2AE3D)


def shingles(texts: Sequence[str]) -> tuple[U32, Counts]:
    """Hashes [S] of the three-word shingles of some texts, text after text, and how many each text has [texts].

    A text of one or two words has its words.
    """
    words, counts = word_hashes(texts)
    owner = np.repeat(np.arange(len(texts)), counts)
    kept = counts[owner] < 3
    hashes = words.copy()
    if len(words) > 2:
        whole = owner[2:] == owner[:-2]
        hashes[:-2] = np.where(whole, words[:-2] * _M1 + words[1:-1] * _M2 + words[2:] * _M3, words[:-2])
        kept[:-2] |= whole
    hashes = hashes[kept]
    hashes ^= hashes >> np.uint32(15)
    hashes *= np.uint32(0x2C1B3C6D)
    hashes ^= hashes >> np.uint32(12)
    return hashes, np.where(counts > 2, counts - 2, counts)


def shingle_sets(texts: Sequence[str]) -> list[U32]:
    """Of each text, its shingles once each."""
    hashes, counts = shingles(texts)
    owner = np.repeat(np.arange(len(texts), dtype=np.uint64), counts)
    each = distinct(owner << np.uint64(32) | hashes)
    borders = np.searchsorted(each, np.arange(1, len(texts), dtype=np.uint64) << np.uint64(32))
    return np.split(each.astype(np.uint32), borders)[: len(texts)]


def band_keys(hashes: U32, counts: Counts) -> U32:
    """A key [texts, BANDS] for each band of each text's signature. A text without words agrees with no other.

    Args:
        hashes, counts: see `shingles`.
    """
    keys = np.random.default_rng(len(counts)).integers(0, 2**32, (len(counts), BANDS), dtype=np.uint32)
    filled = np.flatnonzero(counts)
    if not len(filled):
        return keys
    starts = np.cumsum(counts)[filled] - counts[filled]
    mixed, shifted = np.empty_like(hashes), np.empty_like(hashes)
    for band in range(BANDS):
        key = np.zeros(len(filled), dtype=np.uint32)
        for a, b in zip(_A[band], _B[band], strict=True):
            np.multiply(hashes, a, out=mixed)
            mixed += b
            np.right_shift(mixed, np.uint32(16), out=shifted)
            mixed ^= shifted
            key = (key ^ np.minimum.reduceat(mixed, starts)) * _M2 + _M3
        keys[filled, band] = key
    return keys


def candidates(keys: U32, same: U64) -> NDArray[np.int64]:
    """Pairs [P, 2] of rows, the earlier first, that agree in a band and in `same`; each once.

    In a group of rows that agree, each is paired with the one before it and with the group's first: near duplicates
    are closed into groups afterwards, so a chain is enough and a group of n rows costs 2n pairs, not n².

    Args:
        keys: [rows, BANDS].
        same: [rows], a hash of what must be equal: the numbers in the text.
    """
    codes = np.empty(0, dtype=np.uint64)  # a pair in one number
    for band in range(keys.shape[1]):
        key = keys[:, band].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) ^ same
        order = np.argsort(key, kind="stable")
        equal = key[order[1:]] == key[order[:-1]]
        if not equal.any():
            continue
        first = np.arange(len(order))
        first[1:][equal] = 0
        first = np.maximum.accumulate(first)
        at = np.flatnonzero(equal) + 1
        later = order[at].astype(np.uint64)  # the sort is stable: a group is in order
        earlier = [order[i].astype(np.uint64) << np.uint64(32) | later for i in (at - 1, first[at])]
        codes = distinct(np.concatenate([codes, *earlier]))
    return np.stack([codes >> np.uint64(32), codes & np.uint64(0xFFFFFFFF)], axis=1).astype(np.int64)


def distinct(numbers: U64) -> U64:
    """Each number once, in order. `np.unique` hashes, which takes several times as long."""
    numbers = np.sort(numbers)
    return numbers[np.concatenate([[True], numbers[1:] != numbers[:-1]])[: len(numbers)]]


def jaccard(a: U32, b: U32) -> float:
    """Shared shingles over all shingles; 0 if neither has any."""
    shared = len(np.intersect1d(a, b, assume_unique=True))
    return shared / max(1, len(a) + len(b) - shared)
