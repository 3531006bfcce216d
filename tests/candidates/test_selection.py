"""The choice among scored candidates: best-of-n rows, pairs, rankings, and reasons for prompts without a row."""

from itertools import combinations

import numpy as np
import pytest
from pydantic import ValidationError

from posttrain.candidates.best_of_n import best_of_n_curve, expected_best_of_n
from posttrain.candidates.pick_options import PickOptions
from posttrain.candidates.selection import comparable_totals, pick_best, pick_pairs, pick_ranking
from posttrain.data.skipped import SkipReason
from posttrain.statistics.intervals import interval

SCORES = [0.5, None, 2.0, 0.5, -1.0, 2.0]
BEST, PAIRS, RANKINGS = (PickOptions(keep=keep) for keep in ("best", "pairs", "rankings"))


def test_the_best_candidates_come_first_and_equal_scores_keep_their_order() -> None:
    assert pick_best(SCORES, BEST) == [2]
    assert pick_best(SCORES, PickOptions(per_prompt=4)) == [2, 5, 0, 3]
    assert pick_best(SCORES, PickOptions(per_prompt=4, min_score=1.0)) == [2, 5]


def test_min_score_makes_equal_good_candidates_count() -> None:
    assert pick_best([1.0, 1.0], BEST) is SkipReason.SAME_SCORES
    assert pick_best([1.0, 1.0], PickOptions(min_score=1.0)) == [0]
    assert pick_best([1.0], PickOptions(min_score=1.0)) == [0]
    assert pick_best([0.9, 0.2], PickOptions(min_score=1.0)) is SkipReason.BELOW_MIN_SCORE


def test_pairs_go_from_the_ends_inwards_and_use_no_candidate_twice() -> None:
    assert pick_pairs(SCORES, PAIRS) == [(2, 4)]
    assert pick_pairs(SCORES, PickOptions(keep="pairs", per_prompt=5)) == [(2, 4), (5, 3)]
    assert pick_pairs([1.0, 3.0, 2.0, 2.0], PickOptions(keep="pairs", per_prompt=2)) == [(1, 0)], "2.0 ties with 2.0"


def test_a_pair_needs_the_difference_and_its_chosen_one_the_score() -> None:
    wide = PickOptions(keep="pairs", min_difference=3.0)
    assert pick_pairs(SCORES, wide) == [(2, 4)]
    assert pick_pairs([2.0, 0.0], wide) is SkipReason.BELOW_MIN_DIFFERENCE
    assert pick_pairs(SCORES, PickOptions(keep="pairs", min_score=2.5)) is SkipReason.BELOW_MIN_SCORE


def test_a_ranking_has_one_candidate_of_each_score() -> None:
    assert pick_ranking(SCORES, RANKINGS) == [2, 0, 4]
    assert pick_ranking([3.0, 2.9, 2.0], PickOptions(keep="rankings", min_difference=0.5)) == [0, 2]
    assert pick_ranking([3.0, 2.9], PickOptions(keep="rankings", min_difference=0.5)) is SkipReason.BELOW_MIN_DIFFERENCE


@pytest.mark.parametrize("pick", [pick_best, pick_pairs, pick_ranking])
def test_a_prompt_with_nothing_to_compare_has_a_reason(pick: object) -> None:
    assert callable(pick)
    assert pick([None, None], BEST) is SkipReason.NO_SCORE
    assert pick([None, 1.0], BEST) is SkipReason.TOO_FEW_SCORES
    assert pick([1.0, 1.0, 1.0], BEST) is SkipReason.SAME_SCORES


def test_options_that_the_rows_do_not_use_are_refused() -> None:
    for values in ({"min_difference": 0.1}, {"keep": "rankings", "per_prompt": 2}):
        with pytest.raises(ValidationError):
            PickOptions.model_validate(values)


def test_a_candidate_without_the_score_of_a_reward_that_scores_others_has_no_total() -> None:
    scores = {"a": (1.0, None, 2.0), "b": (3.0, 4.0, 5.0), "never": (None, None, None), "shown": (None, 1.0, None)}
    assert comparable_totals(scores, {"a": 2.0, "b": -1.0, "never": 1.0, "shown": 0.0}) == (-1.0, None, -1.0)
    assert comparable_totals({"never": (None, None)}, {"never": 1.0}) == (None, None)


def test_the_expected_best_of_n_is_the_mean_over_all_subsets() -> None:
    scores = [*np.random.default_rng(0).normal(size=7).tolist(), 0.25, 0.25]
    for n in range(1, len(scores) + 1):
        subsets = [max(subset) for subset in combinations(scores, n)]
        assert expected_best_of_n(scores, n) == pytest.approx(np.mean(subsets), abs=1e-12)


def test_the_curve_is_about_the_same_prompts_at_every_n() -> None:
    curve = best_of_n_curve([[0.0, 1.0], [2.0, 4.0, 6.0], [1.0, 5.0, 0.0], [], [9.0]])
    assert [point.n for point in curve] == [2, 2, 2], "half of the four prompts with scores have three"
    assert [point.value for point in curve] == pytest.approx([3.0, 4.5, 5.5])
    assert curve[1].interval == pytest.approx(interval([16 / 3, 11 / 3]))
    assert best_of_n_curve([[], []]) == []
