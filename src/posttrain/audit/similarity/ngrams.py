"""Thirteen words in a row that two prompts share (Brown et al., "Language Models are Few-Shot Learners", app. C)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.similarity.rarity import Rarity, rarity_of
from posttrain.audit.similarity.word_hashes import U32, U64, Counts, word_hashes

LENGTH = 13
"""Words in a row."""

_COMMON = 10
"""Evaluation rows that share a run of words from which on it is their instruction, not their question."""

_AT_ONCE = 512
"""Prompts whose words are held together."""

HIT = np.dtype([("row", np.int64), ("gram", np.uint32), ("at", np.uint32), ("words", np.uint32)])
"""A run of an evaluation prompt in another text: the text, the run, its first word there, the words of the text."""

Hits = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Grams:
    """The runs of words of all evaluation prompts.

    Args:
        hashes: of each run [G], sorted.
        starts: index [G + 1] of the first place of each run.
        owner: the number of the prompt at each place [P].
        at: its first word there [P].
        words: of each prompt.
        rarity: of their words.
    """

    hashes: U64
    starts: NDArray[np.int64]
    owner: NDArray[np.int64]
    at: NDArray[np.int64]
    words: NDArray[np.int64]
    rarity: Rarity

    def shared_with(self, texts: Sequence[str]) -> Hits:
        """`HIT` of each run that a text holds, once a text; `row` is the text's number."""
        hashes, counts = word_hashes(texts)
        mine, texts_of, at = gram_hashes(hashes, counts)
        found = np.searchsorted(self.hashes, mine)
        found[found == len(self.hashes)] = 0
        same = np.flatnonzero(self.hashes[found] == mine) if len(self.hashes) else np.empty(0, np.intp)
        codes = texts_of[same] << 32 | found[same]
        same = same[np.unique(codes, return_index=True)[1]]
        hits = np.empty(len(same), dtype=HIT)
        hits["row"], hits["gram"], hits["at"] = texts_of[same], found[same], at[same]
        hits["words"] = counts[texts_of[same]]
        return hits


def grams_of(prompts: Iterable[str]) -> Grams:
    """Of evaluation prompts in their order; runs that many of them share are left out."""
    hashes, sizes = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    owners, starts = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    numbers = [np.empty(0, np.uint32)]
    texts = iter(prompts)
    count = 0
    while some := list(islice(texts, _AT_ONCE)):
        words, counts = word_hashes(some)
        found, owner, at = gram_hashes(words, counts)
        numbers.append(words)
        hashes.append(found)
        owners.append(owner + count)
        starts.append(at)
        sizes.append(counts)
        count += len(some)
    key, owner, at = np.concatenate(hashes), np.concatenate(owners), np.concatenate(starts)
    order = np.lexsort((at, owner, key))
    key, owner, at = key[order], owner[order], at[order]
    new = np.append(True, (key[1:] != key[:-1]) | (owner[1:] != owner[:-1]))[: len(key)]
    each, inverse = np.unique(key, return_inverse=True)
    rare = np.bincount(inverse[new], minlength=len(each)) < _COMMON
    kept = rare[inverse]
    places = np.bincount(inverse[kept], minlength=len(each))[rare]
    counts = np.concatenate(sizes)
    return Grams(
        each[rare],
        np.append(0, np.cumsum(places)),
        owner[kept],
        at[kept],
        counts,
        rarity_of(np.concatenate(numbers), counts),
    )


def gram_hashes(words: U32, counts: Counts) -> tuple[U64, NDArray[np.int64], NDArray[np.int64]]:
    """A hash for each run of words [R], the text [R] that holds it, and its first word there [R].

    A text of fewer words has none.

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
    whole = owner[:runs] == owner[len(words) - runs :]
    return key[whole], owner[:runs][whole], at[:runs][whole]
