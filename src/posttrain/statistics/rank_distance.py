"""How far rankings of the same candidates lie apart, ties included."""

from collections.abc import Mapping, Sequence
from itertools import combinations

Ranks = Mapping[str, int]
"""candidate → rank; 1 is the best, equal ranks are a tie."""


def verdict(ranks: Ranks, first: str, second: str) -> int:
    """1 if the first is better, -1 if the second is, 0 for a tie."""
    return (ranks[first] < ranks[second]) - (ranks[first] > ranks[second])


def distance(one: Ranks, other: Ranks) -> float:
    """Kendall's distance with ties, between 0 (equal) and 1 (reversed).

    The mean over pairs of candidates: 1 where the two put them in opposite order, 1/2 where only one of them sees a
    tie. R. Fagin et al., "Comparing and Aggregating Rankings with Ties" (2004), K^(1/2).
    """
    pairs = list(combinations(sorted(one), 2))
    return sum(abs(verdict(one, *pair) - verdict(other, *pair)) for pair in pairs) / (2 * len(pairs))


def disagreement(rankings: Sequence[Ranks]) -> float:
    """Mean distance of every two of several rankings; 0 for a single one."""
    pairs = list(combinations(rankings, 2))
    return sum(distance(a, b) for a, b in pairs) / len(pairs) if pairs else 0.0


def dense(ranks: Ranks) -> dict[str, int]:
    """The same order with ranks 1, 2, 3... and none left out."""
    levels = {rank: level for level, rank in enumerate(sorted(set(ranks.values())), 1)}
    return {name: levels[rank] for name, rank in ranks.items()}
