"""Agreement of a judge with people, beside the agreement of people with each other."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posttrain.evaluate.compare.blind_pairs import Votes, plurality
from posttrain.evaluate.compare.pairs import Outcome
from posttrain.evaluate.compare.verdicts import POINTS, share_estimate
from posttrain.statistics.agreement import cohen_kappa, krippendorff_alpha
from posttrain.statistics.bootstrap import Bootstrapped, bootstrap
from posttrain.statistics.clusters import cluster_codes
from posttrain.statistics.confidence import two_sided
from posttrain.statistics.estimate import Estimate

Codes = NDArray[np.intp]

DRAWS = 1_000
"""Bootstrap draws of kappa's interval."""


@dataclass(frozen=True, slots=True)
class PeopleAgreement:
    """How well a judge agrees with people, on the pairs that both judged.

    Args:
        agreement: the share of pairs with the verdict of most people; A, B and tie are three verdicts.
        kappa: Cohen's kappa of the same: agreement corrected for chance.
        decided: the share of agreement where neither the judge nor most people see a tie.
        among_people: the share of agreeing pairs of people, within pairs that several people judged; no judge can be
            expected to agree more.
        alpha: Krippendorff's alpha of people (nominal); None if no pair has two people.
    """

    agreement: Estimate
    kappa: Estimate
    decided: Estimate
    among_people: Estimate
    alpha: float | None

    def as_json(self) -> dict[str, Any]:
        """Each figure with its interval and n."""
        figures = {
            "agreement": self.agreement,
            "kappa": self.kappa,
            "agreement_decided": self.decided,
            "among_people": self.among_people,
        }
        return {**{name: figure.as_json() for name, figure in figures.items()}, "alpha_of_people": self.alpha}


def agreement_with_people(
    outcomes: Mapping[str, Outcome], votes: Mapping[str, Votes], clusters: Mapping[str, Hashable] | None = None
) -> PeopleAgreement:
    """Agreement over the pairs that are in both mappings.

    Args:
        outcomes: pair → the judge's verdict.
        votes: pair → person → verdict.
        clusters: pair → its cluster; each pair by itself if None.
    """
    shared = [name for name in outcomes if votes.get(name)]
    own = [name if clusters is None else clusters[name] for name in shared]
    judge: list[Outcome] = [outcomes[name] for name in shared]
    people: list[Outcome] = [plurality(votes[name]) for name in shared]
    same = [float(a == b) for a, b in zip(judge, people, strict=True)]
    decided = [n for n in range(len(shared)) if judge[n] != "tie" and people[n] != "tie"]
    pairs = [
        (float(x == y), cluster)
        for name, cluster in zip(shared, own, strict=True)
        for x, y in combinations(votes[name].values(), 2)
    ]
    return PeopleAgreement(
        share_estimate(same, own, "pairs"),
        _kappa(judge, people, own),
        share_estimate([same[n] for n in decided], [own[n] for n in decided], "pairs"),
        share_estimate([value for value, _ in pairs], [cluster for _, cluster in pairs], "pairs of people"),
        _alpha([votes[name] for name in shared]),
    )


def _kappa(judge: Sequence[Outcome], people: Sequence[Outcome], clusters: Sequence[Hashable]) -> Estimate:
    if not judge:
        return Estimate(None, 0, counted="pairs")
    judge_N, people_N = (np.array([POINTS[outcome] for outcome in side]) for side in (judge, people))

    def measure(picked: Codes) -> float:
        return cohen_kappa(judge_N[picked], people_N[picked])

    value = measure(np.arange(len(judge)))
    if np.isnan(value):
        return Estimate(None, len(judge), counted="pairs")
    codes_N = cluster_codes(clusters, len(judge))
    distribution = bootstrap(measure, codes_N, draws=DRAWS, method="percentile")
    ends = two_sided(distribution) if isinstance(distribution, Bootstrapped) else None
    return Estimate(value, len(judge), ends, counted="pairs")


def _alpha(votes: Sequence[Votes]) -> float | None:
    names = list(dict.fromkeys(person for some in votes for person in some))
    if len(names) < 2:
        return None
    ratings_UR = np.array([[POINTS[some[name]] if name in some else np.nan for name in names] for some in votes])
    alpha = krippendorff_alpha(ratings_UR)
    return None if np.isnan(alpha) else alpha
