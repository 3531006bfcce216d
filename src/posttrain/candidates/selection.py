"""The choice among the scored candidates of one prompt. A candidate is a place in the list of scores.

- best-of-n rows: rejection sampling, as in RAFT (Dong et al. 2023, arXiv:2304.06767, algorithm 1);
- best against worst: the pair with the largest difference of scores (as in Dubois et al. 2023, arXiv:2305.14387, and
  Guo et al. 2024, arXiv:2402.04792, who compare two completions);
- rankings: all candidates in the order of their scores.

Equal scores say nothing about which candidate is better. They form no pair, and a ranking has one candidate of each
score. Of several best candidates the first one counts; the order of candidates follows from the seed.
"""

from collections.abc import Mapping, Sequence

from posttrain.candidates.pick_options import PickOptions
from posttrain.data.skipped import SkipReason
from posttrain.rewards.types import Score


def comparable_totals(scores: Mapping[str, Sequence[Score]], weights: Mapping[str, float]) -> tuple[Score, ...]:
    """The weighted sum of the rewards for each candidate of a prompt.

    A candidate without the score of a reward that scores other candidates of the prompt cannot be compared with them:
    its total is None. A reward that scores no candidate of the prompt does not count there.

    Args:
        scores: reward → its score of each candidate.
        weights: reward → its weight; a reward of weight 0 is only measured.
    """
    counting = [name for name, values in scores.items() if weights[name] and any(v is not None for v in values)]
    totals: list[Score] = []
    for own in zip(*(scores[name] for name in counting), strict=True):
        parts = [weights[name] * value for name, value in zip(counting, own, strict=True) if value is not None]
        totals.append(sum(parts) if len(parts) == len(counting) else None)
    return tuple(totals) if counting else (None,) * len(next(iter(scores.values())))


def pick_best(scores: Sequence[Score], options: PickOptions) -> list[int] | SkipReason:
    """The best candidates, best first, at most `per_prompt`; or why there is none.

    `min_score` says what a good candidate is. Without it a prompt whose candidates all have one score gives no row.
    """
    order = _from_best(scores)
    if not order:
        return SkipReason.NO_SCORE
    if options.min_score is None and (reason := _nothing_to_compare(scores, order)) is not None:
        return reason
    good = [place for place in order if _reaches(scores[place], options)]
    return good[: options.per_prompt] or SkipReason.BELOW_MIN_SCORE


def pick_pairs(scores: Sequence[Score], options: PickOptions) -> list[tuple[int, int]] | SkipReason:
    """Pairs (better, worse): best against worst, second best against second worst...; or why there is none."""
    order = _from_best(scores)
    if (reason := _nothing_to_compare(scores, order)) is not None:
        return reason
    count = min(options.per_prompt, len(order) // 2)
    pairs = [(order[number], order[-1 - number]) for number in range(count)]
    if not _reaches(scores[order[0]], options):
        return SkipReason.BELOW_MIN_SCORE
    good = [pair for pair in pairs if _reaches(scores[pair[0]], options) and _differ(scores, *pair, options)]
    return good or SkipReason.BELOW_MIN_DIFFERENCE


def pick_ranking(scores: Sequence[Score], options: PickOptions) -> list[int] | SkipReason:
    """The candidates of a ranking, best first; or why there is none.

    A candidate that is not `min_difference` below the one before it is left out.
    """
    order = _from_best(scores)
    if (reason := _nothing_to_compare(scores, order)) is not None:
        return reason
    if not _reaches(scores[order[0]], options):
        return SkipReason.BELOW_MIN_SCORE
    ranking = order[:1]
    for place in order[1:]:
        if _differ(scores, ranking[-1], place, options):
            ranking.append(place)
    return ranking if len(ranking) > 1 else SkipReason.BELOW_MIN_DIFFERENCE


def _from_best(scores: Sequence[Score]) -> list[int]:
    """The places of candidates with a score, the best first; equal scores keep their order."""
    return sorted((place for place, score in enumerate(scores) if score is not None), key=lambda p: -_at(scores, p))


def _nothing_to_compare(scores: Sequence[Score], order: Sequence[int]) -> SkipReason | None:
    if len(order) < 2:
        return SkipReason.TOO_FEW_SCORES if order else SkipReason.NO_SCORE
    return SkipReason.SAME_SCORES if _at(scores, order[0]) == _at(scores, order[-1]) else None


def _at(scores: Sequence[Score], place: int) -> float:
    score = scores[place]
    assert score is not None
    return score


def _reaches(score: Score, options: PickOptions) -> bool:
    return score is not None and (options.min_score is None or score >= options.min_score)


def _differ(scores: Sequence[Score], better: int, worse: int, options: PickOptions) -> bool:
    difference = _at(scores, better) - _at(scores, worse)
    return difference > 0 and difference >= options.min_difference
