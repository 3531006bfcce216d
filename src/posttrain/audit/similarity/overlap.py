"""The training rows that contain a large part of an evaluation prompt."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.similarity.ngrams import HIT, LENGTH, Grams, Hits

SELDOM = 10
"""A run of words in more training rows than this is a stock phrase (GPT-3 ignores runs in more than 10 documents)."""

_RARE = 2
"""A run of words in at most this many training rows is rare."""

_FAIR = 0.4
"""Rare runs are a leak if they cover at least this share of the words of the shorter prompt."""

_MOST = 0.5
"""Runs in up to `SELDOM` training rows, but in only one evaluation prompt, are a leak if they cover at least this
share. A question is in one evaluation prompt, a stock phrase in several."""

_OWN = 0.75
"""The smallest mean rarity of the shared words among the evaluation prompts; 1 is the mean (see `rarity`)."""


class Shared:
    """The runs of words that training rows share with evaluation prompts, collected chunk by chunk.

    Stock phrases (runs in more than `SELDOM` rows) are not stored, so that memory does not grow with the rows.
    """

    def __init__(self, grams: Grams) -> None:
        self._grams = grams
        self._counts = np.zeros(len(grams.hashes), dtype=np.int64)
        self._kept: list[Hits] = []
        self._rows: list[NDArray[np.int64]] = []

    def add(self, hits: Hits) -> None:
        """Add the hits of a chunk of rows."""
        self._counts += np.bincount(hits["gram"], minlength=len(self._counts))
        self._kept.append(hits[self._counts[hits["gram"]] <= SELDOM])
        self._rows.append(np.unique(hits["row"]))

    def leaks(self) -> tuple[dict[int, int], NDArray[np.int64]]:
        """Row → the evaluation prompt of which it contains a large part; and all rows that share any run."""
        hits = np.concatenate([np.empty(0, dtype=HIT), *self._kept])
        gram = hits["gram"].astype(np.int64)
        count = self._counts[gram]
        owner, starts = self._grams.owner, self._grams.starts
        alone = owner[starts[gram]] == owner[starts[gram + 1] - 1]
        leaks: dict[int, int] = {}
        for mask, share in ((count <= _RARE, _FAIR), ((count <= _RARE) | (count <= SELDOM) & alone, _MOST)):
            leaks |= _covered(self._grams, hits[mask], share) | leaks
        return leaks, np.concatenate([np.empty(0, np.int64), *self._rows])


def _covered(grams: Grams, hits: Hits, least: float) -> dict[int, int]:
    """Row → the evaluation prompt that it covers most: at least the share `least` of the shorter one's words."""
    first = grams.starts[hits["gram"]]
    places = grams.starts[hits["gram"].astype(np.int64) + 1] - first
    hit = np.repeat(np.arange(len(hits)), places)
    at = np.arange(len(hit)) - np.repeat(np.cumsum(places) - places, places) + first[hit]
    row, owner = hits["row"][hit], grams.owner[at]
    pair = row * len(grams.words) + owner
    in_prompt = _covering(pair, grams.at[at])
    prompt_words = _sum_by_pair(in_prompt.pair, in_prompt.size)
    rarity = grams.rarity.between(in_prompt.pair % len(grams.words), in_prompt.at, in_prompt.size)
    rare = _sum_by_pair(in_prompt.pair, rarity)
    in_row = _covering(pair, hits["at"][hit].astype(np.int64))
    row_words = _sum_by_pair(in_row.pair, in_row.size)
    index = np.unique(pair, return_index=True)[1]
    share = np.maximum(prompt_words / grams.words[owner[index]], row_words / hits["words"][hit][index])
    leaks = np.flatnonzero((share >= least) & (rare >= _OWN * prompt_words))
    return {int(row[index[i]]): int(owner[index[i]]) for i in leaks[np.argsort(share[leaks], kind="stable")]}


@dataclass(frozen=True, slots=True)
class _Covering:
    """Disjoint stretches of words that runs cover: number of the pair, index of the first word, number of words."""

    pair: NDArray[np.int64]
    at: NDArray[np.int64]
    size: NDArray[np.int64]


def _covering(pair: NDArray[np.int64], at: NDArray[np.int64]) -> _Covering:
    """The stretches that runs of `LENGTH` words from word `at` on cover, ordered by pair and word."""
    order = np.lexsort((at, pair))
    pair, at = pair[order], at[order]
    last = np.append(pair[1:] != pair[:-1], True)[: len(pair)]
    size = np.where(last, LENGTH, np.minimum(LENGTH, np.append(np.diff(at), 0)[: len(at)]))
    return _Covering(pair, at, size)


def _sum_by_pair(pair: NDArray[np.int64], size: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
    return np.bincount(np.unique(pair, return_inverse=True)[1], weights=size).astype(np.float64)
