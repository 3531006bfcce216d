"""The biases of a judge: how often its verdict changes with the order, and whether place or length decides."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from posttrain.evaluate.compare.verdicts import PairVerdict, judged, share_estimate
from posttrain.statistics.clusters import cluster_codes, cluster_sums
from posttrain.statistics.estimate import Estimate
from posttrain.statistics.paired_tests import sign_flip


@dataclass(frozen=True, slots=True)
class PositionBias:
    """What the order of the answers does to the verdicts.

    Args:
        flip_rate: the share of pairs whose verdict changes with the order.
        first: the share of replies that prefer the answer shown first, among replies that prefer one; 50% without bias.
        p: two-sided, of "both places are preferred equally often"; exchanged by cluster.
    """

    flip_rate: Estimate
    first: Estimate
    p: float

    def as_json(self) -> dict[str, Any]:
        """``flip_rate`` and ``position_bias``."""
        return {
            "flip_rate": self.flip_rate.as_json(),
            "position_bias": {**self.first.as_json(), "p": self.p},
        }


def judge_position_bias(verdicts: Sequence[PairVerdict]) -> PositionBias:
    """The judge's position bias, from the pairs that it judged in both orders."""
    flips: list[float] = []
    first: list[float] = []
    flip_clusters: list[Hashable] = []
    clusters: list[Hashable] = []
    for verdict in verdicts:
        replies = verdict.details.get("replies", ())
        if verdict.outcome is None or len(replies) != 2:
            continue
        places = [reply["verdict"] for reply in replies]
        flips.append(float(places not in (["first", "second"], ["second", "first"], ["tie", "tie"])))
        flip_clusters.append(verdict.pair.cluster)
        decided = [float(place == "first") for place in places if place != "tie"]
        first += decided
        clusters += [verdict.pair.cluster] * len(decided)
    p = 1.0
    if first:
        signs_N = 2 * np.array(first) - 1
        p = sign_flip(cluster_sums(signs_N, cluster_codes(clusters, len(clusters)))).p_two_sided
    return PositionBias(share_estimate(flips, flip_clusters, "pairs"), share_estimate(first, clusters, "replies"), p)


def longer_answer_wins(verdicts: Sequence[PairVerdict]) -> Estimate:
    """The share of pairs won by the longer answer, among pairs with a winner and answers of different lengths.

    A share over 50% is no error in itself: longer answers may be better. The figure is to be compared with people's.
    """
    decided = [
        (float((outcome == "A") == (len(pair.a) > len(pair.b))), pair.cluster)
        for pair, outcome in judged(verdicts)
        if outcome != "tie" and len(pair.a) != len(pair.b)
    ]
    return share_estimate([value for value, _ in decided], [cluster for _, cluster in decided], "pairs")


def problem_counts(verdicts: Sequence[PairVerdict]) -> dict[str, int]:
    """Why pairs were not judged: problem → number of replies, or of pairs where each has one problem."""
    return dict(Counter(problem for verdict in verdicts for problem in verdict.problems).most_common())
