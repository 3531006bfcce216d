"""Runs of thirteen words that two prompts share (Brown et al., "Language Models are Few-Shot Learners", app. C)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.similarity.rarity import Rarity, rarity_of
from posttrain.audit.similarity.word_hashes import U32, U64, Counts, word_hashes

LENGTH = 13
"""The number of words in a run."""

_COMMON = 10
"""A run of words that at least this many evaluation rows share is part of their instruction, not of a question."""

_AT_ONCE = 512
"""The number of prompts whose words are in memory at once."""

HIT = np.dtype([("row", np.int64), ("gram", np.uint32), ("at", np.uint32), ("words", np.uint32)])
"""A run of an evaluation prompt in another text: index of the text, index of the run, index of its first word in the
text, and number of words of the text."""

Hits = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Grams:
    """The runs of words of all evaluation prompts.

    Args:
        hashes: the hash of each run [G], sorted.
        starts: the index of the first place of each run, among all places [G + 1].
        owner: the number of the prompt at each place [P].
        at: the index of the run's first word in that prompt [P].
        words: the number of words of each prompt.
        rarity: the rarity of their words.
    """

    hashes: U64
    starts: NDArray[np.int64]
    owner: NDArray[np.int64]
    at: NDArray[np.int64]
    words: NDArray[np.int64]
    rarity: Rarity

    def shared_with(self, texts: Sequence[str]) -> Hits:
        """`HIT` of each run that a text contains, once per text; `row` is the text's number."""
        words, counts = word_hashes(texts)
        hashes, texts_of, at = gram_hashes(words, counts)
        runs = np.searchsorted(self.hashes, hashes)
        runs[runs == len(self.hashes)] = 0
        same = np.flatnonzero(self.hashes[runs] == hashes) if len(self.hashes) else np.empty(0, np.intp)
        codes = texts_of[same] << 32 | runs[same]
        same = same[np.unique(codes, return_index=True)[1]]
        hits = np.empty(len(same), dtype=HIT)
        hits["row"], hits["gram"], hits["at"] = texts_of[same], runs[same], at[same]
        hits["words"] = counts[texts_of[same]]
        return hits


def grams_of(prompts: Iterable[str]) -> Grams:
    """The runs of words of evaluation prompts, in order; runs that many prompts share are left out."""
    hashes, sizes = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    owners, starts = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    numbers = [np.empty(0, np.uint32)]
    texts = iter(prompts)
    count = 0
    while batch := list(islice(texts, _AT_ONCE)):
        words, counts = word_hashes(batch)
        runs, owner, at = gram_hashes(words, counts)
        numbers.append(words)
        hashes.append(runs)
        owners.append(owner + count)
        starts.append(at)
        sizes.append(counts)
        count += len(batch)
    key, owner, at = np.concatenate(hashes), np.concatenate(owners), np.concatenate(starts)
    order = np.lexsort((at, owner, key))
    key, owner, at = key[order], owner[order], at[order]
    new = np.append(True, (key[1:] != key[:-1]) | (owner[1:] != owner[:-1]))[: len(key)]
    distinct, inverse = np.unique(key, return_inverse=True)
    rare = np.bincount(inverse[new], minlength=len(distinct)) < _COMMON
    kept = rare[inverse]
    places = np.bincount(inverse[kept], minlength=len(distinct))[rare]
    counts = np.concatenate(sizes)
    return Grams(
        distinct[rare],
        np.append(0, np.cumsum(places)),
        owner[kept],
        at[kept],
        counts,
        rarity_of(np.concatenate(numbers), counts),
    )


def gram_hashes(words: U32, counts: Counts) -> tuple[U64, NDArray[np.int64], NDArray[np.int64]]:
    """For each run of words: its hash [R], the number of its text [R], and the index of its first word there [R].

    A text with fewer than `LENGTH` words has no run.

    Args:
        words, counts: see `word_hashes`.
    """
    owner = np.repeat(np.arange(len(counts)), counts)
    at = np.arange(len(words)) - np.repeat(np.cumsum(counts) - counts, counts)
    runs = max(0, len(words) - LENGTH + 1)
    key = np.zeros(runs, dtype=np.uint64)
    for i in range(LENGTH):
        key = key * np.uint64(0x9E3779B97F4A7C15) + words[i : i + runs]
        key ^= key >> np.uint64(29)
    in_one_text = owner[:runs] == owner[len(words) - runs :]
    return key[in_one_text], owner[:runs][in_one_text], at[:runs][in_one_text]
