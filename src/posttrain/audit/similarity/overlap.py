"""The rows to train on that hold a fair part of an evaluation prompt."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.similarity.ngrams import HIT, LENGTH, Grams, Hits

SELDOM = 10
"""Rows to train on that may hold a run of words before it counts as a stock phrase (GPT-3 ignores runs in more)."""

_RARE = 2
"""Rows to train on that may hold a run of words which need cover only `_FAIR` of a prompt."""

_FAIR = 0.4
"""Share of the words of the shorter prompt that rare runs must cover to be a leak."""

_MOST = 0.5
"""Share that runs must cover which more rows hold, up to `SELDOM`, but only one evaluation prompt: a question is in
one prompt, a set sentence in several."""

_OWN = 0.75
"""How rare the shared words must be among the evaluation prompts, the mean of all words being 1 (see `rarity`)."""


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
        gram = hits["gram"].astype(np.int64)
        count = self._counts[gram]
        owner, starts = self._grams.owner, self._grams.starts
        alone = owner[starts[gram]] == owner[starts[gram + 1] - 1]
        found: dict[int, int] = {}
        for some, share in ((count <= _RARE, _FAIR), ((count <= _RARE) | (count <= SELDOM) & alone, _MOST)):
            found |= _covered(self._grams, hits[some], share) | found
        return found, np.concatenate([np.empty(0, np.int64), *self._rows])


def _covered(grams: Grams, hits: Hits, least: float) -> dict[int, int]:
    """Row → the prompt of which it covers most, at least that share of the words of the shorter of the two."""
    first = grams.starts[hits["gram"]]
    places = grams.starts[hits["gram"].astype(np.int64) + 1] - first
    each = np.repeat(np.arange(len(hits)), places)
    at = np.arange(len(each)) - np.repeat(np.cumsum(places) - places, places) + first[each]
    row, owner = hits["row"][each], grams.owner[at]
    pair = row * len(grams.words) + owner
    covered = _covering(pair, grams.at[at])
    theirs = _sum_by_pair(covered.pair, covered.size)
    rare = _sum_by_pair(covered.pair, grams.rarity.between(covered.pair % len(grams.words), covered.at, covered.size))
    own = _covering(pair, hits["at"][each].astype(np.int64))
    mine = _sum_by_pair(own.pair, own.size)
    one = np.unique(pair, return_index=True)[1]
    share = np.maximum(theirs / grams.words[owner[one]], mine / hits["words"][each][one])
    fair = np.flatnonzero((share >= least) & (rare >= _OWN * theirs))
    return {int(row[one[i]]): int(owner[one[i]]) for i in fair[np.argsort(share[fair], kind="stable")]}


@dataclass(frozen=True, slots=True)
class _Covering:
    """Stretches of words that runs cover together, none twice: the pair, the first word, how many."""

    pair: NDArray[np.int64]
    at: NDArray[np.int64]
    size: NDArray[np.int64]


def _covering(pair: NDArray[np.int64], at: NDArray[np.int64]) -> _Covering:
    """Of runs of `LENGTH` words from `at` on, by pair in order."""
    order = np.lexsort((at, pair))
    pair, at = pair[order], at[order]
    last = np.append(pair[1:] != pair[:-1], True)[: len(pair)]
    size = np.where(last, LENGTH, np.minimum(LENGTH, np.append(np.diff(at), 0)[: len(at)]))
    return _Covering(pair, at, size)


def _sum_by_pair(pair: NDArray[np.int64], size: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
    return np.bincount(np.unique(pair, return_inverse=True)[1], weights=size).astype(np.float64)
