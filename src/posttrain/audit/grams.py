"""Thirteen words in a row that two prompts share (Brown et al., "Language Models are Few-Shot Learners", app. C)."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.entry import words_of

LENGTH = 13
"""Words in a row."""

_COMMON = 10
"""Evaluation rows that share a run of words from which on it is their instruction, not their question."""


@dataclass(frozen=True, slots=True)
class Grams:
    """The runs of words of all evaluation prompts.

    Args:
        hashes: sorted.
        owner: the number of the prompt each came from.
    """

    hashes: NDArray[np.uint64]
    owner: NDArray[np.int64]

    def owner_of(self, text: str) -> int | None:
        """A prompt that shares a run of words with the text."""
        mine = gram_hashes(text)
        at = np.searchsorted(self.hashes, mine)
        at[at == len(self.hashes)] = 0
        same = np.flatnonzero(self.hashes[at] == mine) if len(self.hashes) else np.empty(0, np.intp)
        return int(self.owner[at[same[0]]]) if len(same) else None


def grams_of(texts: Iterable[tuple[int, str]]) -> Grams:
    """Of evaluation prompts, each with its number; runs that many of them share are left out."""
    hashes: list[NDArray[np.uint64]] = []
    owners: list[NDArray[np.int64]] = []
    for number, text in texts:
        own = np.unique(gram_hashes(text))
        hashes.append(own)
        owners.append(np.full(len(own), number))
    if not hashes:
        return Grams(np.empty(0, np.uint64), np.empty(0, np.int64))
    keys, first, counts = np.unique(np.concatenate(hashes), return_index=True, return_counts=True)
    rare = counts < _COMMON
    return Grams(keys[rare], np.concatenate(owners)[first[rare]])


def gram_hashes(text: str) -> NDArray[np.uint64]:
    """A hash for each run of words [W - 12]; none for a shorter text."""
    words = np.array([zlib.crc32(w.encode("utf-8", "surrogatepass")) for w in words_of(text)], dtype=np.uint64)
    if len(words) < LENGTH:
        return np.empty(0, dtype=np.uint64)
    count = len(words) - LENGTH + 1
    key = np.zeros(count, dtype=np.uint64)
    for i in range(LENGTH):
        key = key * np.uint64(0x9E3779B97F4A7C15) + words[i : i + count]
        key ^= key >> np.uint64(29)
    return key
