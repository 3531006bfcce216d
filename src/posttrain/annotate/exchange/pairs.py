"""Pairs cut from rankings: which of the K (K - 1) / 2, and what each weighs."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise, product
from math import comb
from typing import Literal

from posttrain.annotate.exchange.aggregate import Consensus

Policy = Literal["all", "adjacent", "best-worst", "best-vs-rest"]


@dataclass(frozen=True, slots=True)
class Pair:
    """A candidate, a worse one, and how far people support it."""

    better: str
    worse: str
    support: float


def pairs_of(consensus: Consensus, policy: Policy, *, least: float = 0.0) -> list[Pair]:
    """The pairs of one item, best first; tied candidates make none.

    Args:
        policy: every two candidates, neighbours in the order, the best and the worst, or the best and each other one.
            Of tied ones each counts.
        least: support that a pair needs; it always needs more than its reverse has.
    """
    found: list[Pair] = []
    for better, worse in _chosen(_levels(consensus), policy):
        support = consensus.support(better, worse)
        if support >= least and support > consensus.support(worse, better):
            found.append(Pair(better, worse, support))
    return found


def weight_of(k: int, policy: Policy) -> float:
    """What a pair weighs, so that every prompt weighs the same whatever its K: one over the policy's pairs.

    For `all` this is 1 / C(K, 2); L. Ouyang et al., "Training language models to follow instructions with human
    feedback" (2022), equation 1.
    """
    return 1 / {"all": comb(k, 2), "adjacent": k - 1, "best-worst": 1, "best-vs-rest": k - 1}[policy]


def _levels(consensus: Consensus) -> list[list[str]]:
    """Candidates of equal score together, the best first."""
    scores = sorted(set(consensus.scores.values()), reverse=True)
    return [[name for name, score in consensus.scores.items() if score == level] for level in scores]


def _chosen(levels: list[list[str]], policy: Policy) -> Iterator[tuple[str, str]]:
    if len(levels) < 2:
        return
    of_levels = {
        "all": combinations(levels, 2),
        "adjacent": pairwise(levels),
        "best-worst": [(levels[0], levels[-1])],
        "best-vs-rest": [(levels[0], level) for level in levels[1:]],
    }
    for better, worse in of_levels[policy]:
        yield from product(better, worse)
