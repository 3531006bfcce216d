"""Packing: groups are laid end to end in one row of tokens, without padding and without cutting a group.

Legend: ``T`` packed tokens, ``N`` loss tokens, ``C`` completions, ``G`` groups.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heapreplace
from math import ceil

import numpy as np
import torch
from torch import Tensor

from posttrain.core.group import Floats, Group, Ints

WEIGHT = "token_weight"
"""The column of the weight of each loss token; without it every token has weight 1."""


@dataclass(frozen=True, slots=True)
class Branch:
    """The place of one completion in the packed row: the spans of its prompt and of the completion, half-open."""

    group: int
    prompt: tuple[int, int]
    own: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Batch:
    """Packed groups. Objectives need no masks: they see flat vectors of length N and C.

    Args:
        tokens_T: token ids of the row, int64.
        position_T: position ids, int64. For each completion they restart at the end of its prompt.
        branches: the structure of the row, an entry for each completion.
        predictor_N: index in the row of the hidden state that predicts each loss token, int64.
        target_N: ids of the loss tokens, int64.
        completion_N: the completion each loss token belongs to, int64, ascending.
        group_C: the group each completion belongs to, int64, ascending.
        columns: float32 vectors of length C (per completion) or N (per loss token).
        names: ``file:line`` of each group, length G.
    """

    tokens_T: Tensor
    position_T: Tensor
    branches: tuple[Branch, ...]
    predictor_N: Tensor
    target_N: Tensor
    completion_N: Tensor
    group_C: Tensor
    columns: Mapping[str, Tensor]
    names: tuple[str, ...]

    @property
    def counts(self) -> dict[str, float]:
        """The number of loss tokens, completions and groups, by the unit that a loss is averaged over.

        Tokens with weights count by their weights.
        """
        weight_N = self.columns.get(WEIGHT)
        tokens = len(self.predictor_N) if weight_N is None else float(weight_N.sum(dtype=torch.float64))
        return {"token": tokens, "completion": len(self.group_C), "group": len(self.names)}


def pack(sizes: Sequence[int], budget: int) -> list[list[int]]:
    """Distribute groups over rows of at most `budget` tokens, by best-fit decreasing; deterministic.

    Args:
        sizes: tokens of each group (`Group.size`).
        budget: tokens of a row, at most. A larger group gets a row of its own.

    Returns:
        for each row the indices of its groups, in ascending order; every index comes exactly once.
    """
    room: list[int] = []
    rows: list[list[int]] = []
    for index in sorted(range(len(sizes)), key=lambda i: (-sizes[i], i)):
        fitting = [r for r, left in enumerate(room) if left >= sizes[index]]
        if fitting:
            row = min(fitting, key=lambda r: (room[r], r))
            rows[row].append(index)
            room[row] -= sizes[index]
        else:
            rows.append([index])
            room.append(budget - sizes[index])
    return sorted(sorted(row) for row in rows)


def pack_for_ranks(sizes: Sequence[int], budget: int, ranks: int) -> list[list[int]]:
    """Rows for `ranks` ranks that work at the same time and take turns: rank r gets row r, r + ranks, and so on.

    The ranks get about the same number of tokens: a few full rows would leave some of them without work. The largest
    group that is left goes to the shortest row (longest processing time first; Graham 1969, doi:10.1137/0117039).

    Args:
        sizes, budget: see `pack`. More rows are made than `pack` makes if one would be over the budget.

    Returns:
        as `pack`, but the rows are in the order of their tokens, the longest first.
    """
    fewest = pack(sizes, budget)
    if ranks == 1:
        return fewest
    turns = ceil(len(fewest) / ranks)
    while True:
        rows = _levelled(sizes, turns * ranks)
        if all(len(row) < 2 or sum(sizes[i] for i in row) <= budget for row in rows):
            return sorted((sorted(row) for row in rows if row), key=lambda row: (-sum(sizes[i] for i in row), row))
        turns += 1


def _levelled(sizes: Sequence[int], count: int) -> list[list[int]]:
    """Exactly `count` rows of about the same length; some are empty if there are fewer groups."""
    rows: list[list[int]] = [[] for _ in range(count)]
    lengths = [(0, number) for number in range(count)]  # a heap, the shortest row first
    for index in sorted(range(len(sizes)), key=lambda i: (-sizes[i], i)):
        length, number = lengths[0]
        rows[number].append(index)
        heapreplace(lengths, (length + sizes[index], number))
    return rows


def collate(groups: Sequence[Group], device: torch.device | str = "cpu") -> Batch:
    """Lay groups end to end: the prompt once, then each of its completions.

    Raises:
        ValueError: the groups carry different columns.
    """
    tokens: list[Ints] = []
    position: list[Ints] = []
    predictors: list[Ints] = []
    target: list[Ints] = []
    branches: list[Branch] = []
    loss_counts: list[int] = []
    at = 0
    for g, group in enumerate(groups):
        prompt = (at, at + len(group.prompt))
        tokens.append(group.prompt)
        position.append(np.arange(len(group.prompt), dtype=np.int32))
        at = prompt[1]
        for completion in group.completions:
            length = len(completion.tokens)
            tokens.append(completion.tokens)
            position.append(np.arange(len(group.prompt), len(group.prompt) + length, dtype=np.int32))
            predictor = np.arange(at - 1, at - 1 + length, dtype=np.int32)
            predictor[0] = prompt[1] - 1
            predictors.append(predictor[completion.loss])
            target.append(completion.tokens[completion.loss])
            loss_counts.append(len(target[-1]))
            branches.append(Branch(g, prompt, (at, at + length)))
            at += length

    def long(parts: Iterable[Ints]) -> Tensor:
        return torch.from_numpy(np.concatenate([*parts]).astype(np.int64)).to(device)

    return Batch(
        tokens_T=long(tokens),
        position_T=long(position),
        branches=tuple(branches),
        predictor_N=long(predictors),
        target_N=long(target),
        completion_N=torch.repeat_interleave(torch.tensor(loss_counts)).to(device),
        group_C=torch.tensor([b.group for b in branches]).to(device),
        columns=_stack_columns(groups, device),
        names=tuple(group.where for group in groups),
    )


def row_size(length: int) -> int:
    """The size that a row of `length` tokens is padded to on a GPU, in whole blocks of 128: at most a quarter more from
    512 tokens on.

    There are four sizes between a power of two and the next one, so that kernels are compiled for a few shapes only.
    """
    return -(-length // (step := max(128, (1 << (length - 1).bit_length()) // 8))) * step


def with_padding(batch: Batch, length: int) -> Batch:
    """The batch with a row of `length` tokens. The padding is a group of its own, which nothing reads."""
    own = (len(batch.tokens_T), length)
    missing = own[1] - own[0]
    if not missing:
        return batch
    alone = Branch(max(branch.group for branch in batch.branches) + 1, (own[0], own[0]), own)
    places = torch.arange(missing, device=batch.tokens_T.device)
    return replace(
        batch,
        tokens_T=torch.cat([batch.tokens_T, torch.zeros_like(places)]),
        position_T=torch.cat([batch.position_T, places]),
        branches=(*batch.branches, alone),
    )


def _stack_columns(groups: Sequence[Group], device: torch.device | str) -> dict[str, Tensor]:
    names = set(groups[0].columns) - {WEIGHT}
    if any(set(group.columns) - {WEIGHT} != names for group in groups):
        raise ValueError("all groups of a batch must carry the same columns")
    if any(WEIGHT in group.columns for group in groups):
        names.add(WEIGHT)

    def column(group: Group, name: str) -> Floats:
        missing = name == WEIGHT and name not in group.columns
        return np.ones(group.loss_tokens, dtype=np.float32) if missing else group.columns[name]

    return {
        name: torch.from_numpy(np.concatenate([column(g, name) for g in groups])).float().to(device)
        for name in sorted(names)
    }
