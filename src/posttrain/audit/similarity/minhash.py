"""Near duplicates: MinHash finds candidates, and the exact Jaccard similarity of their shingles decides.

A shingle is three consecutive words. Signatures are computed for a batch of texts at once, as minima over flat arrays
(Broder, "On the resemblance and containment of documents", 1997). Rows that agree in one of `BANDS` bands of
`ROWS_A_BAND` minima are candidates (Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", ch. 3).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.similarity.word_hashes import U32, U64, Counts, word_hashes

SIMILAR = 0.7
"""Two texts are near duplicates if the Jaccard similarity of their three-word shingles is at least this."""

BANDS, ROWS_A_BAND = 24, 4
"""The size of a signature. Two texts of similarity 0.7 are missed once in 700 times, of 0.8 once in 300,000."""

_draw = np.random.default_rng(0)
_A = _draw.integers(1, 2**32, (BANDS, ROWS_A_BAND), dtype=np.uint32) | np.uint32(1)
_B = _draw.integers(0, 2**32, (BANDS, ROWS_A_BAND), dtype=np.uint32)
_M1, _M2, _M3 = np.uint32(0x9E3779B1), np.uint32(0x85EBCA77), np.uint32(0xC2B2AE3D)


def shingles(texts: Sequence[str]) -> tuple[U32, Counts]:
    """The hashes [S] of the three-word shingles of texts, text after text, and their number in each text [texts].

    In a text of one or two words, the words are the shingles.
    """
    words, counts = word_hashes(texts)
    owner = np.repeat(np.arange(len(texts)), counts)
    kept = counts[owner] < 3
    hashes = words.copy()
    if len(words) > 2:
        in_one_text = owner[2:] == owner[:-2]
        hashes[:-2] = np.where(in_one_text, words[:-2] * _M1 + words[1:-1] * _M2 + words[2:] * _M3, words[:-2])
        kept[:-2] |= in_one_text
    hashes = hashes[kept]
    hashes ^= hashes >> np.uint32(15)
    hashes *= np.uint32(0x2C1B3C6D)
    hashes ^= hashes >> np.uint32(12)
    return hashes, np.where(counts > 2, counts - 2, counts)


def shingle_sets(texts: Sequence[str]) -> list[U32]:
    """The distinct shingles of each text, sorted."""
    hashes, counts = shingles(texts)
    owner = np.repeat(np.arange(len(texts), dtype=np.uint64), counts)
    codes = distinct(owner << np.uint64(32) | hashes)
    borders = np.searchsorted(codes, np.arange(1, len(texts), dtype=np.uint64) << np.uint64(32))
    return np.split(codes.astype(np.uint32), borders)[: len(texts)]


def band_keys(hashes: U32, counts: Counts) -> U32:
    """The keys [texts, BANDS] of the bands of each text's signature. A text without words gets random keys.

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
    """The distinct pairs [P, 2] of rows that agree in a band and in `same`, the earlier row first.

    In a group of rows that agree, each row is paired with the previous row and with the first row of the group. Near
    duplicates are joined to groups afterwards, so a chain is enough, and a group of n rows costs 2n pairs, not n².

    Args:
        keys: the keys of the bands [rows, BANDS].
        same: a hash of the numbers in each text [rows], which must be equal.
    """
    codes = np.empty(0, dtype=np.uint64)  # each pair as one number
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
        later = order[at].astype(np.uint64)  # the sort is stable, so groups are in order
        earlier = [order[i].astype(np.uint64) << np.uint64(32) | later for i in (at - 1, first[at])]
        codes = distinct(np.concatenate([codes, *earlier]))
    return np.stack([codes >> np.uint64(32), codes & np.uint64(0xFFFFFFFF)], axis=1).astype(np.int64)


def distinct(numbers: U64) -> U64:
    """The distinct numbers, sorted. `np.unique` uses hashes, which takes several times as long."""
    numbers = np.sort(numbers)
    return numbers[np.concatenate([[True], numbers[1:] != numbers[:-1]])[: len(numbers)]]


def jaccard(a: U32, b: U32) -> float:
    """The Jaccard similarity of two sets of shingles: shared over all; 0 if both are empty."""
    shared = len(np.intersect1d(a, b, assume_unique=True))
    return shared / max(1, len(a) + len(b) - shared)
