"""Pairs of a ranking: each appears once, in the right order, and a ranking has weight 1 at every length."""

from itertools import combinations
from math import comb

import torch
from hypothesis import given
from hypothesis import strategies as st

from posttrain.objectives.pairs import pairs_of

rankings = st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=6), min_size=1, max_size=5)


def cut(ranks: list[list[int]], *, ties: bool) -> list[tuple[int, int, float, bool]]:
    rank_C = torch.tensor([float(rank) for group in ranks for rank in group])
    group_C = torch.tensor([g for g, group in enumerate(ranks) for _ in group])
    pairs = pairs_of(rank_C, group_C, ties=ties)
    columns = (pairs.winner_P, pairs.loser_P, pairs.weight_P, pairs.tied_P)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@given(rankings, st.booleans())
def test_each_pair_of_a_group_appears_once_with_the_better_one_first(ranks: list[list[int]], ties: bool) -> None:
    flat = [(g, rank) for g, group in enumerate(ranks) for rank in group]
    expected = {
        frozenset((i, j))
        for i, j in combinations(range(len(flat)), 2)
        if flat[i][0] == flat[j][0] and (ties or flat[i][1] != flat[j][1])
    }
    pairs = cut(ranks, ties=ties)
    assert len(pairs) == len(expected)
    assert {frozenset((winner, loser)) for winner, loser, _, _ in pairs} == expected
    for winner, loser, _, tied in pairs:
        assert flat[winner][1] <= flat[loser][1]
        assert tied == (flat[winner][1] == flat[loser][1])


@given(rankings, st.booleans())
def test_the_pairs_of_a_ranking_weigh_one_together_and_alike(ranks: list[list[int]], ties: bool) -> None:
    groups = [g for g, group in enumerate(ranks) for _ in group]
    for g in range(len(ranks)):
        weights = [weight for winner, _, weight, _ in cut(ranks, ties=ties) if groups[winner] == g]
        assert len(set(weights)) <= 1
        assert not weights or abs(sum(weights) - 1.0) < 1e-5


def test_a_ranking_of_k_weighs_each_pair_one_over_k_choose_two() -> None:
    for k in (2, 3, 4, 9):
        pairs = cut([list(range(k, 0, -1))], ties=False)
        assert len(pairs) == comb(k, 2)
        assert all(abs(weight - 1 / comb(k, 2)) < 1e-7 for _, _, weight, _ in pairs)
