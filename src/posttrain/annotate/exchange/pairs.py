"""Preference pairs from rankings: which of the K (K - 1) / 2 pairs are taken, and their weight."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise, product
from math import comb
from typing import Literal

from posttrain.annotate.exchange.aggregate import Consensus

PairSelection = Literal["all", "adjacent", "best-worst", "best-vs-rest"]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two candidates of different rank, with the support of their order, from 0 to 1."""

    better: str
    worse: str
    support: float


def ranked_pairs(consensus: Consensus, selection: PairSelection, *, least: float = 0.0) -> list[Pair]:
    """The pairs of one item, the best first; tied candidates give no pair.

    Args:
        selection: all pairs, neighbours in the order, the best and the worst, or the best and each other candidate.
            Each of several tied candidates counts.
        least: the least support of a pair; the support must also exceed that of the reverse order.
    """
    pairs: list[Pair] = []
    for better, worse in _selected(_levels(consensus), selection):
        support = consensus.support(better, worse)
        if support >= least and support > consensus.support(worse, better):
            pairs.append(Pair(better, worse, support))
    return pairs


def pair_weight(k: int, selection: PairSelection) -> float:
    """The weight of a pair: one over the number of selected pairs, so that every prompt has the same weight.

    For `all` this is 1 / C(K, 2); L. Ouyang et al., "Training language models to follow instructions with human
    feedback" (2022), equation 1.
    """
    return 1 / {"all": comb(k, 2), "adjacent": k - 1, "best-worst": 1, "best-vs-rest": k - 1}[selection]


def _levels(consensus: Consensus) -> list[list[str]]:
    """Groups of candidates with equal scores, the best first."""
    scores = sorted(set(consensus.scores.values()), reverse=True)
    return [[name for name, score in consensus.scores.items() if score == level] for level in scores]


def _selected(levels: list[list[str]], selection: PairSelection) -> Iterator[tuple[str, str]]:
    if len(levels) < 2:
        return
    of_levels = {
        "all": combinations(levels, 2),
        "adjacent": pairwise(levels),
        "best-worst": [(levels[0], levels[-1])],
        "best-vs-rest": [(levels[0], level) for level in levels[1:]],
    }
    for better, worse in of_levels[selection]:
        yield from product(better, worse)
