"""Keys and values of what is being written, preallocated: a prompt's once a group, each completion's in its row.

Nothing grows and nothing is concatenated: a token is written in place. Live rows stay the first ones (the last takes
the place of one that leaves), so that every step works on plain slices.

Legend: ``B`` rows (completions being written), ``S`` prompt slots, ``H`` key heads, ``R`` query heads for each of them,
``P`` prompt length, ``L`` completion length.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(slots=True)
class Cache:
    """Room for rows and prompts; each layer's is made when it first writes, in the layer's own shape and dtype.

    Args:
        rows: completions written at once, at most.
        length: tokens of a completion, at most.
        slots: prompts held at once, at most.
        prompt_length: tokens of a prompt, at most.
    """

    rows: int
    length: int
    slots: int
    prompt_length: int
    own: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    prompts: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def own_of(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """The rows' keys and values, [B, H, L, head_dim]; `key` and `value` [1, H, T, head_dim] show their shape."""
        if layer not in self.own:
            self.own[layer] = tuple(x.new_zeros(self.rows, x.shape[1], self.length, x.shape[3]) for x in (key, value))  # type: ignore[assignment]
        return self.own[layer]

    def prompts_of(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """The prompts' keys and values, [S, H, P, head_dim]."""
        if layer not in self.prompts:
            room = (self.slots, self.prompt_length)
            self.prompts[layer] = tuple(x.new_zeros(room[0], x.shape[1], room[1], x.shape[3]) for x in (key, value))  # type: ignore[assignment]
        return self.prompts[layer]

    def move_row(self, source: int, target: int, length: int) -> None:
        """Put a row's first `length` tokens in place of another's."""
        for key, value in self.own.values():
            key[target, :, :length] = key[source, :, :length]
            value[target, :, :length] = value[source, :, :length]

    def move_prompt(self, source: int, target: int, length: int) -> None:
        """Put a prompt in place of another."""
        for key, value in self.prompts.values():
            key[target, :, :length] = key[source, :, :length]
            value[target, :, :length] = value[source, :, :length]


@dataclass(slots=True)
class Step:
    """One token of each live row: where it goes and what it sees, worked out once for all layers.

    Args:
        cache: see there.
        length_B: tokens of each row already written, int64.
        prompt_B: length of each row's prompt, int64.
        tile_index: rows in the order of their prompts, M places a prompt, unused ones 0; int64 [S * M].
        back_B: each row's place in that order.
        slots: prompts in use.
        longest: longest prompt in use, and longest completion with this token.
    """

    cache: Cache
    length_B: Tensor
    prompt_B: Tensor
    tile_index: Tensor
    back_B: Tensor
    slots: int
    longest: tuple[int, int]
    masks: dict[tuple[int | None, torch.dtype], Tensor] = field(default_factory=dict)

    def mask(self, window: int | None, dtype: torch.dtype) -> Tensor:
        """[B, 1, 1, P + L] to add to scores: 0 where a row may look, minus infinity elsewhere."""
        slot = (window, dtype)
        if slot not in self.masks:
            device = self.length_B.device
            at_prompt = torch.arange(self.longest[0], device=device)
            at_own = torch.arange(self.longest[1], device=device)
            prompt_BP = at_prompt < self.prompt_B[:, None]
            own_BL = at_own <= self.length_B[:, None]
            if window is not None:
                here_B1 = (self.prompt_B + self.length_B)[:, None]
                prompt_BP &= here_B1 - at_prompt < window
                own_BL &= self.length_B[:, None] - at_own < window
            seen = torch.cat([prompt_BP, own_BL], 1)
            self.masks[slot] = torch.zeros(seen.shape, dtype=dtype, device=device).masked_fill_(~seen, -torch.inf)
        return self.masks[slot][:, None, None]


def step_of(cache: Cache, length: list[int], slot: list[int], prompt_length: list[int], device: torch.device) -> Step:
    """The next step.

    Args:
        length: tokens written so far, by row.
        slot: prompt slot, by row.
        prompt_length: by slot.
    """
    siblings: list[list[int]] = [[] for _ in prompt_length]
    back = [0] * len(slot)
    for row, s in enumerate(slot):
        siblings[s].append(row)
    widest = max(len(rows) for rows in siblings)
    tile = [0] * (len(siblings) * widest)
    for s, rows in enumerate(siblings):
        for place, row in enumerate(rows, start=s * widest):
            tile[place], back[row] = row, place

    def long(values: list[int]) -> Tensor:
        return torch.tensor(values, device=device)

    return Step(
        cache,
        length_B=long(length),
        prompt_B=long([prompt_length[s] for s in slot]),
        tile_index=long(tile),
        back_B=long(back),
        slots=len(siblings),
        longest=(max(prompt_length), max(length) + 1),
    )
