"""Thirteen words in a row that two prompts share (Brown et al., "Language Models are Few-Shot Learners", app. C)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.similarity.word_hashes import U32, U64, Counts, word_hashes

LENGTH = 13
"""Words in a row."""

SELDOM = 10
"""Rows to train on that may hold a run of words before it counts as a stock phrase."""

_RARE = 2
"""Rows to train on that may hold a run of words which need cover only `_FAIR` of a prompt."""

_FAIR = 0.4
"""Share of the words of the shorter prompt that rare runs must cover to be a leak."""

_MOST = 0.5
"""Share that runs must cover which are seldom, and not rare."""

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
    """

    hashes: U64
    starts: NDArray[np.int64]
    owner: NDArray[np.int64]
    at: NDArray[np.int64]
    words: NDArray[np.int64]

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


class Shared:
    """The runs that rows to train on share with evaluation prompts, chunk by chunk; stock phrases are let go.

    A run that more than `SELDOM` rows hold is not kept, so that memory does not grow with the rows.
    """

    def __init__(self, grams: Grams) -> None:
        self._grams = grams
        self._counts = np.zeros(len(grams.hashes), dtype=np.int64)
        self._kept: list[Hits] = []
        self._rows: list[NDArray[np.int64]] = []

    def add(self, hits: Hits) -> None:
        """The hits of some more rows."""
        self._counts += np.bincount(hits["gram"], minlength=len(self._counts))
        self._kept.append(hits[self._counts[hits["gram"]] <= SELDOM])
        self._rows.append(np.unique(hits["row"]))

    def leaks(self) -> tuple[dict[int, int], NDArray[np.int64]]:
        """Row → the evaluation prompt of which it holds a fair part; and every row that shares any run."""
        hits = np.concatenate([np.empty(0, dtype=HIT), *self._kept])
        count = self._counts[hits["gram"]]
        found: dict[int, int] = {}
        for most, share in ((_RARE, _FAIR), (SELDOM, _MOST)):
            found |= _covered(self._grams, hits[count <= most], share) | found
        return found, np.concatenate([np.empty(0, np.int64), *self._rows])


def _covered(grams: Grams, hits: Hits, least: float) -> dict[int, int]:
    """Row → the prompt of which it covers most, at least that share of the words of the shorter of the two."""
    first = grams.starts[hits["gram"]]
    places = grams.starts[hits["gram"].astype(np.int64) + 1] - first
    each = np.repeat(np.arange(len(hits)), places)
    at = np.arange(len(each)) - np.repeat(np.cumsum(places) - places, places) + first[each]
    row, owner = hits["row"][each], grams.owner[at]
    pair = row * len(grams.words) + owner
    theirs = _words_covered(pair, grams.at[at])
    mine = _words_covered(pair, hits["at"][each].astype(np.int64))
    one = np.unique(pair, return_index=True)[1]
    share = np.maximum(theirs / grams.words[owner[one]], mine / hits["words"][each][one])
    fair = np.flatnonzero(share >= least)
    return {int(row[one[i]]): int(owner[one[i]]) for i in fair[np.argsort(share[fair], kind="stable")]}


def _words_covered(pair: NDArray[np.int64], at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Words that runs from `at` on cover together, for each pair in order."""
    order = np.lexsort((at, pair))
    pair, at = pair[order], at[order]
    last = np.append(pair[1:] != pair[:-1], True)[: len(pair)]
    step = np.where(last, LENGTH, np.minimum(LENGTH, np.append(np.diff(at), 0)[: len(at)]))
    _, owner = np.unique(pair, return_inverse=True)
    return np.bincount(owner, weights=step).astype(np.int64)


def grams_of(prompts: Iterable[str]) -> Grams:
    """Of evaluation prompts in their order; runs that many of them share are left out."""
    hashes, sizes = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    owners, starts = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    texts = iter(prompts)
    count = 0
    while some := list(islice(texts, _AT_ONCE)):
        words, counts = word_hashes(some)
        found, owner, at = gram_hashes(words, counts)
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
    return Grams(
        each[rare],
        np.append(0, np.cumsum(places)),
        owner[kept],
        at[kept],
        np.concatenate(sizes),
    )


def gram_hashes(words: U32, counts: Counts) -> tuple[U64, NDArray[np.int64], NDArray[np.int64]]:
    """A hash for each run of words [R], the text [R] that it stands in, and its first word there [R].

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
