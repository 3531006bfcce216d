"""Thirteen words in a row that two prompts share (Brown et al., "Language Models are Few-Shot Learners", app. C)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.words import U32, U64, Counts, word_hashes

LENGTH = 13
"""Words in a row."""

_COMMON = 10
"""Evaluation rows that share a run of words from which on it is their instruction, not their question."""

_AT_ONCE = 512
"""Prompts whose words are held together."""


@dataclass(frozen=True, slots=True)
class Grams:
    """The runs of words of all evaluation prompts.

    Args:
        hashes: sorted.
        owner: the number of the prompt each came from.
    """

    hashes: U64
    owner: NDArray[np.int64]

    def shared_with(self, texts: Sequence[str]) -> list[tuple[int, int]]:
        """(number of a text, a prompt that shares a run of words with it)."""
        mine, texts_of = gram_hashes(*word_hashes(texts))
        at = np.searchsorted(self.hashes, mine)
        at[at == len(self.hashes)] = 0
        same = np.flatnonzero(self.hashes[at] == mine) if len(self.hashes) else np.empty(0, np.intp)
        _, first = np.unique(texts_of[same], return_index=True)
        return [(int(texts_of[i]), int(self.owner[at[i]])) for i in same[first]]


def grams_of(prompts: Iterable[str]) -> Grams:
    """Of evaluation prompts in their order; runs that many of them share are left out."""
    found = [(np.empty(0, np.uint64), np.empty(0, np.int64))]
    texts = iter(prompts)
    start = 0
    while some := list(islice(texts, _AT_ONCE)):
        hashes, owner = gram_hashes(*word_hashes(some))
        found.append((hashes, owner + start))
        start += len(some)
    hashes, owner = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((owner, hashes))
    hashes, owner = hashes[order], owner[order]
    again = (hashes[1:] == hashes[:-1]) & (owner[1:] == owner[:-1])
    once = np.concatenate([[True], ~again])[: len(hashes)]
    keys, first, counts = np.unique(hashes[once], return_index=True, return_counts=True)
    rare = counts < _COMMON
    return Grams(keys[rare], owner[once][first[rare]])


def gram_hashes(words: U32, counts: Counts) -> tuple[U64, NDArray[np.int64]]:
    """A hash for each run of words [R], and the text [R] that it stands in; a shorter text has none.

    Args:
        words, counts: see `word_hashes`.
    """
    owner = np.repeat(np.arange(len(counts)), counts)
    runs = max(0, len(words) - LENGTH + 1)
    key = np.zeros(runs, dtype=np.uint64)
    for i in range(LENGTH):
        key = key * np.uint64(0x9E3779B97F4A7C15) + words[i : i + runs]
        key ^= key >> np.uint64(29)
    whole = owner[:runs] == owner[len(words) - runs :]
    return key[whole], owner[:runs][whole]
