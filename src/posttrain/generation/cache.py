"""Preallocated keys and values of generation: a prompt's are kept once per group, a completion's in its row.

Nothing grows and nothing is concatenated, since each token is written in place. The live rows are always the first
ones: when a row ends, the last row takes its place. So every step works on plain slices.

Legend: ``B`` rows (completions in progress), ``S`` prompt slots, ``H`` key heads, ``R`` query heads for each of them,
``P`` prompt length, ``L`` completion length.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

PADDING = 1.3
"""Prompts of one call may be padded to this factor of their size, since each step reads all keys and values. On a GPU a
call costs more than it reads, so there is one call."""


@dataclass(slots=True)
class Cache:
    """Memory for rows and prompts. A layer's is allocated when the layer first writes, in its own shape and dtype.

    A call whose longest texts are known has a cache of just their lengths; otherwise it grows by `reserve`.

    Args:
        rows: completions generated at once, at most.
        length: tokens of a completion, at most.
        slots: prompts kept at once, at most.
        prompt_length: tokens of a prompt, at most.
    """

    rows: int
    length: int
    slots: int
    prompt_length: int
    own: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    prompts: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def own_of(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """The rows' keys and values, [B, H, L, head_dim]; `key` and `value` [1, H, T, head_dim] give their shape."""
        if layer not in self.own:
            self.own[layer] = tuple(x.new_zeros(self.rows, x.shape[1], self.length, x.shape[3]) for x in (key, value))  # type: ignore[assignment]
        return self.own[layer]

    def prompts_of(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """The prompts' keys and values, [S, H, P, head_dim]."""
        if layer not in self.prompts:
            size = (self.slots, self.prompt_length)
            self.prompts[layer] = tuple(x.new_zeros(size[0], x.shape[1], size[1], x.shape[3]) for x in (key, value))  # type: ignore[assignment]
        return self.prompts[layer]

    @property
    def written(self) -> bool:
        """Whether it holds memory."""
        return bool(self.own or self.prompts)

    def reserve(self, length: int, prompt_length: int) -> None:
        """Make room for completions and prompts of these lengths; what is written stays."""
        if length > self.length:
            self.length = max(length, 2 * self.length)
            for layer in self.own:  # one at a time, so that the old memory is freed in between
                self.own[layer] = _longer(self.own[layer], self.length)
        if prompt_length > self.prompt_length:
            self.prompt_length = max(prompt_length, 2 * self.prompt_length)
            for layer in self.prompts:
                self.prompts[layer] = _longer(self.prompts[layer], self.prompt_length)

    def move_row(self, source: int, target: int, length: int) -> None:
        """Copy a row's first `length` tokens over another row."""
        for key, value in self.own.values():
            key[target, :, :length] = key[source, :, :length]
            value[target, :, :length] = value[source, :, :length]

    def move_prompt(self, source: int, target: int, length: int) -> None:
        """Copy a prompt's first `length` tokens over another prompt."""
        for key, value in self.prompts.values():
            key[target, :, :length] = key[source, :, :length]
            value[target, :, :length] = value[source, :, :length]


def _longer(tensors: tuple[Tensor, Tensor], length: int) -> tuple[Tensor, Tensor]:
    """Copies of keys and values [N, H, L, head_dim] with a longer third dimension, filled up with zeros."""
    key, value = (torch.nn.functional.pad(tensor, (0, 0, 0, length - tensor.shape[2])) for tensor in tensors)
    return key, value


@dataclass(frozen=True, slots=True)
class Tile:
    """Neighbouring prompts of similar length, attended to in one call.

    Args:
        slot, slots: the first slot, and the number of slots.
        start, end: range in `Step.tile_index`, with the same number of rows for each slot.
        longest: tokens of the longest prompt.
    """

    slot: int
    slots: int
    start: int
    end: int
    longest: int


@dataclass(slots=True)
class Step:
    """A decoding step: one token of each live row, its place and what it sees, computed once for all layers.

    Args:
        cache: the cache that the step reads and writes.
        row_B: the indices of the rows.
        length_B: tokens of each row already written, int64.
        prompt_B: length of each row's prompt, int64.
        longest: length of the longest completion with this token.
        prompt: length of the longest prompt.
        tiles: the attention calls over prompts.
        tile_index: rows in the order of the tiles, M per slot, padded with the slot's first row; int64 [X].
        back_B: each row's index in that order.
        even: whether all completions are of the same length, and all prompts too.
    """

    cache: Cache
    row_B: Tensor
    length_B: Tensor
    prompt_B: Tensor
    longest: int
    prompt: int
    tiles: list[Tile]
    tile_index: Tensor
    back_B: Tensor
    even: bool
    masks: dict[int | None, Tensor] = field(default_factory=dict)

    def mask(self, window: int | None) -> Tensor | None:
        """[B, 1, 1, L + P] to add to the scores of a row's own keys and of its prompt's: 0 where the row sees a key,
        minus infinity elsewhere; None if all are 0."""
        if self.even and (window is None or window >= self.prompt + self.longest):
            return None
        if window not in self.masks:
            own_BL = self.length_B[:, None] - torch.arange(self.longest, device=self.length_B.device)
            prompt_BP = self.prompt_B[:, None] - torch.arange(self.prompt, device=self.length_B.device)
            seen = torch.cat([own_BL >= 0, prompt_BP > 0], -1)
            if window is not None:
                seen &= torch.cat([own_BL, prompt_BP + self.length_B[:, None]], -1) < window
            scores = torch.zeros(seen.shape, device=seen.device).masked_fill_(~seen, -torch.inf)
            self.masks[window] = scores[:, None, None]
        return self.masks[window]


def step_of(cache: Cache, length: list[int], slot: list[int], prompt_length: list[int], device: torch.device) -> Step:
    """The next decoding step.

    Args:
        length: the tokens of each row so far.
        slot: the prompt slot of each row.
        prompt_length: the prompt length of each slot.
    """
    siblings: list[list[int]] = [[] for _ in prompt_length]
    for row, s in enumerate(slot):
        siblings[s].append(row)
    tiles: list[Tile] = []
    index: list[int] = []
    back = [0] * len(slot)
    for first, end in _runs(prompt_length, len(prompt_length) if device.type == "cuda" else 1):
        widest = max(len(rows) for rows in siblings[first:end])
        start = len(index)
        for rows in siblings[first:end]:
            for row in rows:
                back[row] = len(index)
                index.append(row)
            index += [rows[0] if rows else 0] * (widest - len(rows))
        tiles.append(Tile(first, end - first, start, len(index), max(prompt_length[first:end])))

    def long(values: list[int]) -> Tensor:
        return torch.tensor(values, device=device)

    return Step(
        cache,
        row_B=torch.arange(len(slot), device=device),
        length_B=long(length),
        prompt_B=long([prompt_length[s] for s in slot]),
        longest=max(length) + 1,
        prompt=max(prompt_length),
        tiles=tiles,
        tile_index=long(index),
        back_B=long(back),
        even=min(length) == max(length) and min(prompt_length) == max(prompt_length),
    )


def _runs(prompt_length: list[int], fewest: int) -> list[tuple[int, int]]:
    """Half-open ranges of slots. Each has `fewest` slots, or more if its padding stays within `PADDING`."""
    runs: list[tuple[int, int]] = []
    used = longest = 0
    for slot, length in enumerate(prompt_length):
        if runs:
            first = runs[-1][0]
            most = max(longest, length)
            if slot - first < fewest or most * (slot + 1 - first) <= PADDING * (used + length):
                runs[-1] = (first, slot + 1)
                used, longest = used + length, most
                continue
        runs.append((slot, slot + 1))
        used = longest = length
    return runs
