"""Distances between rankings of the same candidates; ties are allowed."""

from collections.abc import Mapping, Sequence
from itertools import combinations

Ranks = Mapping[str, int]
"""candidate → rank; 1 is the best, equal ranks are a tie."""


def pair_verdict(ranks: Ranks, first: str, second: str) -> int:
    """1 if the first candidate is better, -1 if the second is better, 0 for a tie."""
    return (ranks[first] < ranks[second]) - (ranks[first] > ranks[second])


def kendall_distance(one: Ranks, other: Ranks) -> float:
    """Kendall's distance with ties, between 0 (equal) and 1 (reversed).

    The distance is the mean over pairs of candidates: a pair counts 1 if the two rankings put it in opposite order,
    and 1/2 if only one of them ties it. R. Fagin et al., "Comparing and Aggregating Rankings with Ties" (2004),
    K^(1/2).
    """
    pairs = list(combinations(sorted(one), 2))
    return sum(abs(pair_verdict(one, *pair) - pair_verdict(other, *pair)) for pair in pairs) / (2 * len(pairs))


def mean_kendall_distance(rankings: Sequence[Ranks]) -> float:
    """The mean distance over all pairs of rankings; 0 for a single ranking."""
    pairs = list(combinations(rankings, 2))
    return sum(kendall_distance(a, b) for a, b in pairs) / len(pairs) if pairs else 0.0


def dense_ranks(ranks: Ranks) -> dict[str, int]:
    """The same order with the ranks 1, 2, 3... and no gaps."""
    levels = {rank: level for level, rank in enumerate(sorted(set(ranks.values())), 1)}
    return {name: levels[rank] for name, rank in ranks.items()}
