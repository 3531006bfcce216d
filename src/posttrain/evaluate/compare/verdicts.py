"""Verdicts on pairs, and the win rate that follows from them."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from posttrain.evaluate.compare.pairs import AnswerPair, Outcome
from posttrain.statistics.clusters import cluster_codes, cluster_sums, mean_distribution
from posttrain.statistics.confidence import two_sided
from posttrain.statistics.estimate import Estimate
from posttrain.statistics.paired_tests import mcnemar, sign_flip

POINTS: Mapping[Outcome, float] = {"A": 1.0, "tie": 0.5, "B": 0.0}
"""What an outcome counts for model A."""


@dataclass(frozen=True, slots=True)
class PairVerdict:
    """The verdict on one pair.

    Args:
        outcome: None if the pair was not judged.
        problems: why it was not judged.
        details: what is kept beside it: the judge's replies, the scores, or the votes.
    """

    pair: AnswerPair
    outcome: Outcome | None
    problems: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def as_json(self) -> dict[str, Any]:
        """The line of ``pairs.jsonl``."""
        pair = self.pair
        return {
            **{"id": pair.id, "slice": pair.slice, "group_id": pair.group, "prompt": [dict(m) for m in pair.messages]},
            **{"answer_a": pair.a, "answer_b": pair.b, "outcome": self.outcome, "problems": list(self.problems)},
            **self.details,
        }


@dataclass(frozen=True, slots=True)
class WinRate:
    """How often model A's answer is the better one.

    Args:
        rate: the share of wins, ties counting half; None if no pair was judged. `n` counts judged pairs.
        clusters: the number of independent clusters.
        p: two-sided, of "both models win equally often".
        bounds: the rate if all pairs that were not judged were losses, and if all were wins.
    """

    rate: Estimate
    wins: int
    losses: int
    ties: int
    not_judged: int
    clusters: int
    p: float
    test: str
    bounds: tuple[float, float] | None

    def as_json(self) -> dict[str, Any]:
        """``win_rate`` and what is behind it."""
        return {
            "win_rate": self.rate.as_json(),
            **{"wins": self.wins, "losses": self.losses, "ties": self.ties, "not_judged": self.not_judged},
            **{"clusters": self.clusters, "p": self.p, "test": self.test, "bounds": self.bounds},
        }


def judged(verdicts: Sequence[PairVerdict]) -> list[tuple[AnswerPair, Outcome]]:
    """The pairs that have an outcome."""
    return [(verdict.pair, verdict.outcome) for verdict in verdicts if verdict.outcome is not None]


def win_rate(verdicts: Sequence[PairVerdict]) -> WinRate:
    """The win rate of model A, with its 95% interval and an exact test.

    Ties say nothing about which model is better, so the test leaves them out: without clusters it is the sign test,
    which is McNemar's; with clusters it exchanges the signs of clusters' sums. The interval is that of
    `mean_distribution`: Clopper and Pearson's without ties, else Student's t by cluster.
    """
    known = judged(verdicts)
    counts = Counter(outcome for _, outcome in known)
    points = [POINTS[outcome] for _, outcome in known]
    clusters = [pair.cluster for pair, _ in known]
    missing, total = len(verdicts) - len(known), len(verdicts)
    if not known:
        return WinRate(Estimate(None, 0, None, "share", "pairs"), 0, 0, 0, missing, 0, 1.0, "none", None)
    independent = len({*clusters})
    if independent == len(clusters):
        result, test = mcnemar(counts["A"], counts["B"]), "exact sign test"
    else:
        signs_N = 2 * np.array(points) - 1
        result = sign_flip(cluster_sums(signs_N, cluster_codes(clusters, len(clusters))))
        test = "sign-flip permutation by cluster"
    return WinRate(
        share_estimate(points, clusters, "pairs"),
        *(counts["A"], counts["B"], counts["tie"], missing, independent, result.p_two_sided, test),
        (sum(points) / total, (sum(points) + missing) / total),
    )


def share_estimate(values: Sequence[float], clusters: Sequence[Hashable], counted: str) -> Estimate:
    """The mean of values from 0 to 1, with its 95% interval by cluster; without a value if there are none."""
    if not values:
        return Estimate(None, 0, None, "share", counted)
    own = None if len({*clusters}) == len(clusters) else clusters
    ends = two_sided(mean_distribution(values, own))
    interval = None if ends is None else (max(0.0, ends[0]), min(1.0, ends[1]))
    return Estimate(sum(values) / len(values), len(values), interval, "share", counted)
