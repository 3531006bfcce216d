"""Near duplicates: MinHash finds candidates, exact Jaccard similarity of their shingles decides.

A shingle is three words in a row. Signatures are computed for a whole batch of texts at once, as minima over flat
arrays (Broder, "On the resemblance and containment of documents", 1997); rows that agree in one of `BANDS` bands of
`ROWS_A_BAND` minima are candidates (Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", ch. 3).
"""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.entry import words_of

U32, U64 = NDArray[np.uint32], NDArray[np.uint64]

SIMILAR = 0.7
"""Jaccard similarity of three-word shingles from which on two texts are near duplicates."""

BANDS, ROWS_A_BAND = 20, 4
"""Of signatures: two texts of similarity 0.7 are missed once in 240 times, of 0.8 once in 30,000."""

_PERMUTATIONS = BANDS * ROWS_A_BAND
_draw = np.random.default_rng(0)
_A = _draw.integers(1, 2**32, _PERMUTATIONS, dtype=np.uint64) | np.uint64(1)
_B = _draw.integers(0, 2**32, _PERMUTATIONS, dtype=np.uint64)
_M1, _M2, _M3 = np.uint32(0x9E3779B1), np.uint32(0x85EBCA77), np.uint32(0xC2B2AE3D)


def shingles(text: str) -> U32:
    """Hashes [S] of its three-word shingles, each once; of its words if it has fewer than three."""
    words = np.array([zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in words_of(text)], dtype=np.uint32)
    if len(words) > 2:
        words = words[:-2] * _M1 + words[1:-1] * _M2 + words[2:] * _M3
    words ^= words >> np.uint32(15)
    words *= np.uint32(0x2C1B3C6D)
    words ^= words >> np.uint32(12)
    return np.unique(words)


def band_keys(sets: Sequence[U32]) -> U32:
    """A key [texts, BANDS] for each band of each text's signature. A text without words agrees with no other."""
    sizes = np.array([len(s) for s in sets])
    keys = np.empty((len(sets), BANDS), dtype=np.uint32)
    filled = np.flatnonzero(sizes)
    empty = np.flatnonzero(sizes == 0)
    keys[empty] = _draw_for(empty)
    if not len(filled):
        return keys
    flat = np.concatenate([sets[i] for i in filled.tolist()])
    starts = np.concatenate([[0], np.cumsum(sizes[filled])[:-1]])
    for band in range(BANDS):
        key = np.zeros(len(filled), dtype=np.uint32)
        for k in range(band * ROWS_A_BAND, (band + 1) * ROWS_A_BAND):
            mixed = flat * np.uint32(_A[k]) + np.uint32(_B[k])
            mixed ^= mixed >> np.uint32(16)
            key = (key ^ np.minimum.reduceat(mixed, starts)) * _M2 + np.uint32(k)
        keys[filled, band] = key
    return keys


def _draw_for(places: NDArray[np.intp]) -> U32:
    return np.random.default_rng(len(places)).integers(0, 2**32, (len(places), BANDS), dtype=np.uint32)


def candidates(keys: U32, same: U64) -> NDArray[np.int64]:
    """Pairs [P, 2] of rows, the earlier first, that agree in a band and in `same`; each once.

    In a group of rows that agree, each is paired with the one before it and with the group's first: near duplicates
    are closed into groups afterwards, so a chain is enough and a group of n rows costs 2n pairs, not n².

    Args:
        keys: [rows, BANDS].
        same: [rows], a hash of what must be equal: the numbers in the text.
    """
    found: list[NDArray[np.int64]] = []
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
        found.append(np.stack([order[at - 1], order[at]], axis=1))
        found.append(np.stack([order[first[at]], order[at]], axis=1))
    if not found:
        return np.empty((0, 2), dtype=np.int64)
    pairs = np.sort(np.concatenate(found), axis=1)
    codes = np.unique(pairs[:, 0].astype(np.uint64) << np.uint64(32) | pairs[:, 1].astype(np.uint64))
    return np.stack([codes >> np.uint64(32), codes & np.uint64(0xFFFFFFFF)], axis=1).astype(np.int64)


def jaccard(a: U32, b: U32) -> float:
    """Shared shingles over all shingles; 0 if neither has any."""
    shared = len(np.intersect1d(a, b, assume_unique=True))
    return shared / max(1, len(a) + len(b) - shared)
