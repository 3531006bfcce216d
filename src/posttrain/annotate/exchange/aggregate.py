"""Aggregation of several people's rankings of an item to one order, with the support of each pair of candidates.

Shape suffixes: `J` judgments, `K` candidates (padded to the longest item), `I` items, `P` people.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Literal

import numpy as np

from posttrain.statistics.rank_distance import Ranks, pair_verdict

Aggregation = Literal["majority", "plackett-luce"]

SCORE_STD = 1.0
"""Standard deviation of the normal prior of a candidate's score; it keeps scores finite where all people agree."""

RELIABILITY_STD = 0.5
"""Standard deviation of the normal prior of a person's log reliability; the mean is 0."""


@dataclass(frozen=True, slots=True)
class Consensus:
    """The aggregated ranking of an item.

    Args:
        scores: candidate → score; equal scores are a tie.
        support: (better, worse) → the support of this order, from 0 to 1.
        people: the number of people who judged the item.
    """

    scores: Mapping[str, float]
    support: Callable[[str, str], float]
    people: int


def majority_consensus(rankings: Sequence[Ranks]) -> Consensus:
    """Copeland's order: a candidate's score is the number of candidates it beats by majority, minus those it loses to.

    The support of a pair is the share of people who ranked it in this order; ties do not count as support.
    """
    names = list(rankings[0])

    def support(better: str, worse: str) -> float:
        return sum(pair_verdict(ranks, better, worse) == 1 for ranks in rankings) / len(rankings)

    def wins(name: str) -> float:
        others = [other for other in names if other != name]
        return float(sum((support(name, o) > support(o, name)) - (support(name, o) < support(o, name)) for o in others))

    return Consensus({name: wins(name) for name in names}, support, len(rankings))


def plackett_luce_consensus(
    judgments: Sequence[Sequence[tuple[str, Ranks]]],
) -> tuple[list[Consensus], dict[str, float]]:
    """The Plackett-Luce model: a score for each candidate and a reliability for each person.

    A person p chooses the best candidate, then the best of the rest, and so on. Candidate s is chosen with
    probability proportional to exp(b_p theta_s). The reliability b_p is near 0 for a person who ranks at random. Tied
    candidates are each chosen from the same rest. For two candidates this is the Bradley-Terry model. Scores and
    reliabilities are the maximum of the posterior density.
    R. D. Luce (1959) and R. L. Plackett (1975); ties as in N. E. Breslow (1974); a person's reliability as in
    X. Chen et al., "Pairwise Ranking Aggregation in a Crowdsourced Setting" (2013).

    Args:
        judgments: for each item, (person, ranks) of each judgment.

    Returns:
        the consensus of each item, where a pair's support is its probability by the scores; person → reliability.
    """
    names = [list(of_item[0][1]) for of_item in judgments]
    people = sorted({person for of_item in judgments for person, _ in of_item})
    item_J = np.array([i for i, of_item in enumerate(judgments) for _ in of_item])
    person_J = np.array([people.index(person) for of_item in judgments for person, _ in of_item])
    rank_JK = np.full((len(item_J), max(map(len, names))), np.inf)
    for j, (i, ranks) in enumerate((i, ranks) for i, of_item in enumerate(judgments) for _, ranks in of_item):
        rank_JK[j, : len(ranks)] = [ranks[name] for name in names[i]]
    theta_IK, reliability_P = _fit(item_J, person_J, rank_JK, len(judgments), len(people))
    consensus: list[Consensus] = []
    for i, of_item in enumerate(judgments):
        scores = {name: round(float(theta_IK[i, k]), 6) for k, name in enumerate(names[i])}
        consensus.append(Consensus(scores, _support_by_scores(scores), len(of_item)))
    return consensus, dict(zip(people, reliability_P.tolist(), strict=True))


def _support_by_scores(scores: Mapping[str, float]) -> Callable[[str, str], float]:
    return lambda better, worse: 1 / (1 + exp(scores[worse] - scores[better]))


def log_posterior(
    theta_IK: np.ndarray, log_b_P: np.ndarray, item_J: np.ndarray, person_J: np.ndarray, rank_JK: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """The log posterior density up to a constant, and its gradients by scores and by log reliabilities."""
    there_JK = np.isfinite(rank_JK)
    b_J1 = np.exp(log_b_P)[person_J][:, None]
    theta_JK = theta_IK[item_J]
    z_JK = np.where(there_JK, b_J1 * theta_JK, 0.0)
    left_JKK = (rank_JK[:, None, :] >= rank_JK[:, :, None]) & there_JK[:, None, :] & there_JK[:, :, None]
    weight_JKK = np.where(left_JKK, np.exp(z_JK)[:, None, :], 0.0)
    sum_JK = np.where(there_JK, weight_JKK.sum(2), 1.0)
    value = (z_JK - np.log(sum_JK))[there_JK].sum()
    slope_JK = there_JK - (weight_JKK / sum_JK[:, :, None]).sum(1)
    slope_IK, slope_P = np.zeros_like(theta_IK), np.zeros_like(log_b_P)
    np.add.at(slope_IK, item_J, b_J1 * slope_JK)
    np.add.at(slope_P, person_J, (z_JK * slope_JK).sum(1))
    value -= (theta_IK**2).sum() / (2 * SCORE_STD**2) + (log_b_P**2).sum() / (2 * RELIABILITY_STD**2)
    return float(value), slope_IK - theta_IK / SCORE_STD**2, slope_P - log_b_P / RELIABILITY_STD**2


def _fit(
    item_J: np.ndarray, person_J: np.ndarray, rank_JK: np.ndarray, items: int, people: int
) -> tuple[np.ndarray, np.ndarray]:
    """Maximise the posterior by Adam with a falling step, from zero scores; deterministic up to rounding."""
    shapes = ((items, rank_JK.shape[1]), (people,))
    point = [np.zeros(shape) for shape in shapes]
    mean, square = ([np.zeros(shape) for shape in shapes] for _ in range(2))
    for step in range(1, 401):
        _, *slopes = log_posterior(point[0], point[1], item_J, person_J, rank_JK)
        for n, slope in enumerate(slopes):
            mean[n] = 0.9 * mean[n] + 0.1 * slope
            square[n] = 0.999 * square[n] + 0.001 * slope**2
            change = mean[n] / (1 - 0.9**step) / (np.sqrt(square[n] / (1 - 0.999**step)) + 1e-12)
            point[n] = point[n] + 0.1 * (1 - step / 401) * change
    return point[0], np.exp(point[1])
