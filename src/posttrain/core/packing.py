"""Packing: groups laid end to end in one row of tokens, without padding and without cutting a group.

Legend: ``T`` packed tokens, ``N`` loss tokens, ``C`` completions, ``G`` groups.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from posttrain.core.group import Group, Ints


@dataclass(frozen=True, slots=True)
class Branch:
    """Where one completion lies in the packed row: its prompt's span and its own, as half-open ranges."""

    group: int
    prompt: tuple[int, int]
    own: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Batch:
    """Packed groups. No mask travels further: objectives see flat vectors of length N and C.

    Args:
        tokens_T: token ids of the row, int64.
        position_T: positions; they restart at the end of the prompt for each of its completions, int64.
        branches: the row's structure, one entry a completion.
        where_N: place in the row whose hidden state predicts loss token n, int64.
        target_N: the loss tokens' ids, int64.
        completion_N: the completion each loss token belongs to, int64, ascending.
        group_C: the group each completion belongs to, int64, ascending.
        columns: float32 vectors of length C (per completion) or N (per loss token).
        names: where each group came from (``file:line``), length G.
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
    def counts(self) -> dict[str, int]:
        """How many of each unit a loss may be averaged over this batch holds."""
        return {"token": len(self.predictor_N), "completion": len(self.group_C), "group": len(self.names)}


def pack(sizes: Sequence[int], budget: int) -> list[list[int]]:
    """Distribute groups over rows of at most `budget` tokens: best-fit decreasing, deterministic.

    Args:
        sizes: tokens of each group (`Group.size`).
        budget: tokens a row may hold. A larger group gets a row of its own.

    Returns:
        Row after row the indices of its groups, ascending within a row; every index exactly once.
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


def collate(groups: Sequence[Group], device: torch.device | str = "cpu") -> Batch:
    """Lay groups end to end: the prompt once, then each of its completions.

    Raises:
        ValueError: if the groups disagree on which columns they carry.
    """
    tokens: list[Ints] = []
    position: list[Ints] = []
    where: list[Ints] = []
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
            where.append(predictor[completion.loss])
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
        predictor_N=long(where),
        target_N=long(target),
        completion_N=torch.repeat_interleave(torch.tensor(loss_counts)).to(device),
        group_C=torch.tensor([b.group for b in branches]).to(device),
        columns=_stack_columns(groups, device),
        names=tuple(group.where for group in groups),
    )


def _stack_columns(groups: Sequence[Group], device: torch.device | str) -> dict[str, Tensor]:
    names = set(groups[0].columns)
    if any(set(group.columns) != names for group in groups):
        raise ValueError("all groups of a batch must carry the same columns")
    return {
        name: torch.from_numpy(np.concatenate([g.columns[name] for g in groups])).float().to(device)
        for name in sorted(names)
    }
