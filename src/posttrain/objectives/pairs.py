"""Ordered pairs of a ranking. All pairs of one ranking together have the weight of one group."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Pairs:
    """`winner_P` is ranked above `loser_P` (equal if `tied_P`). `weight_P` sums to 1 over a group."""

    winner_P: Tensor
    loser_P: Tensor
    weight_P: Tensor
    tied_P: Tensor


def pairs_of(rank_C: Tensor, group_C: Tensor, *, ties: bool = False) -> Pairs:
    """All pairs of completions of one group that a ranking orders.

    Args:
        rank_C: rank of each completion, 1 is best; equal ranks are a tie.
        group_C: the group of each completion.
        ties: whether to keep tied pairs, once each.

    Returns:
        P pairs. The weight of each is 1 / (number of pairs of its group): 1/C(K,2) without ties (Ouyang et al. 2022,
        arXiv:2203.02155, section 3.5), so a ranking of many candidates has no higher weight.
    """
    same = group_C[:, None] == group_C[None, :]
    above = rank_C[:, None] < rank_C[None, :]
    tied = (rank_C[:, None] == rank_C[None, :]).triu(1)
    winner, loser = (same & (above | tied if ties else above)).nonzero(as_tuple=True)
    count = torch.bincount(group_C[winner], minlength=int(group_C.max()) + 1)
    return Pairs(winner, loser, 1.0 / count[group_C[winner]], tied[winner, loser])
