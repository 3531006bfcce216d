"""The decoding loop. A prompt is read once for its group, rows are decoded together, new rows replace ended ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posttrain.core.attention import layout_of
from posttrain.core.group import Ints
from posttrain.core.packing import Batch, Branch
from posttrain.generation.attention import Prefill
from posttrain.generation.cache import Cache, Step, step_of
from posttrain.generation.request import Generation, Request, ends
from posttrain.generation.sampling import draw_tokens, uniforms
from posttrain.policy.forward import backbone_of, head_of, mixed
from posttrain.policy.load import Policy

PREFILL = 4096
"""Tokens of prompts that are read in one pass, at most, unless one prompt is longer."""


@dataclass(slots=True)
class _Row:
    """A completion in progress."""

    request: int
    branch: int
    slot: int
    uniform: NDArray[np.float64]
    tokens: list[int] = field(default_factory=list)
    logp: list[float] = field(default_factory=list)


class DecodingLoop:
    """The state of a request in progress.

    Args:
        logits: from hidden states [B, D] to float32 logits [B, V].
    """

    def __init__(self, policy: Policy, request: Request, logits: Callable[[Tensor], Tensor]) -> None:
        self.policy, self.request, self.logits = policy, request, logits
        self.prompts, self.sampling, self.n = request.prompts, request.sampling, request.n
        prompts, n = request.prompts, request.n
        longest = max(len(p) for p in prompts)
        rows = min(request.rows, n * len(prompts))
        slots = min(len(prompts), 2 * -(-rows // n))  # more than whole groups need, since rows of a group end early
        self.cache = Cache(rows, request.sampling.max_new_tokens, slots, longest)
        self.waiting = sorted(range(len(prompts)), key=lambda i: (len(prompts[i]), -i))  # the next one is at the end
        self.rows: list[_Row] = []
        self.slots: list[int] = []  # the request of each slot
        self.done: list[list[Generation | None]] = [[None] * n for _ in prompts]
        self.count = 0

    def run(self) -> list[list[Generation]]:
        """Decode until every completion has ended."""
        while self.waiting or self.rows:
            while admitted := self._admit():
                self._prefill(admitted)
            if self.rows:
                self._decode()
        return [[c for c in group if c is not None] for group in self.done]

    def _admit(self) -> list[int]:
        """The next waiting requests that fit into the cache, at most one pass of prompts."""
        admitted: list[int] = []
        tokens = 0
        while (
            self.waiting
            and len(self.rows) + self.n * (len(admitted) + 1) <= self.cache.rows
            and len(self.slots) + len(admitted) < self.cache.slots
            and (not admitted or tokens + len(self.prompts[self.waiting[-1]]) <= PREFILL)
        ):
            admitted.append(self.waiting.pop())
            tokens += len(self.prompts[admitted[-1]])
        return admitted

    def _prefill(self, requests: list[int]) -> None:
        prompts = [self.prompts[r] for r in requests]
        batch = prompts_batch(prompts, self.policy.device)
        spans = [branch.own for branch in batch.branches]
        slots = list(range(len(self.slots), len(self.slots) + len(requests)))
        self.slots += requests
        prefill = Prefill(self.cache, layout_of(batch), spans, slots)
        hidden_TD = hidden_states(self.policy, batch.tokens_T, batch.position_T, prefill)
        last = torch.tensor([end - 1 for _, end in spans], device=hidden_TD.device)
        logits = self.logits(hidden_TD[last]).repeat_interleave(self.n, 0)
        new = [
            _Row(r, b, slot, uniforms(self.sampling.seed, self.request.ids[r], b, self.sampling.max_new_tokens))
            for r, slot in zip(requests, slots, strict=True)
            for b in range(self.n)
        ]
        self.rows += new
        self._append(new, logits)

    def _decode(self) -> None:
        rows, device = self.rows, self.policy.device
        lengths = [len(row.tokens) - 1 for row in rows]  # this step writes the last token to the cache
        step = step_of(
            self.cache, lengths, [row.slot for row in rows], [len(self.prompts[r]) for r in self.slots], device
        )
        tokens = torch.tensor([row.tokens[-1] for row in rows], device=device)
        self._append(rows, self.logits(hidden_states(self.policy, tokens, step.prompt_B + step.length_B, step)))

    def _append(self, rows: list[_Row], logits_BV: Tensor) -> None:
        """Draw a token for each row, and remove the rows that end."""
        at = torch.tensor([row.uniform[len(row.tokens)] for row in rows], dtype=torch.float64, device=logits_BV.device)
        tokens_B, logp_B = draw_tokens(logits_BV, at, self.sampling)
        ended_rows: list[_Row] = []
        for row, token, logp in zip(rows, tokens_B.tolist(), logp_B.tolist(), strict=True):
            row.tokens.append(token)
            row.logp.append(logp)
            ended = ends(row.tokens, self.policy, self.sampling.stop)
            if ended or len(row.tokens) == self.sampling.max_new_tokens:
                self.done[row.request][row.branch] = Generation(
                    np.array(row.tokens, np.int32), np.array(row.logp, np.float32), ended
                )
                ended_rows.append(row)
        for row in ended_rows:
            self._remove(row)
        if ended_rows:
            self.count += len(ended_rows)
            self.request.on_done(self.count)

    def _remove(self, row: _Row) -> None:
        """Move the last row to this row's place; if its prompt has no row left, move the last prompt to that place."""
        place, last = next(i for i, r in enumerate(self.rows) if r is row), len(self.rows) - 1
        if place != last:
            self.rows[place] = self.rows[last]
            self.cache.move_row(last, place, len(self.rows[place].tokens))
        self.rows.pop()
        slot, last = row.slot, len(self.slots) - 1
        if any(r.slot == slot for r in self.rows):
            return
        if slot != last:
            self.slots[slot] = self.slots[last]
            self.cache.move_prompt(last, slot, len(self.prompts[self.slots[slot]]))
            for r in self.rows:
                r.slot = slot if r.slot == last else r.slot
        self.slots.pop()


def hidden_states(policy: Policy, tokens_T: Tensor, position_T: Tensor, rollout: Prefill | Step) -> Tensor:
    """The last hidden states of tokens, [T, D], in the dtype of the head's product."""
    with mixed(policy):
        output = backbone_of(policy.base)(
            input_ids=tokens_T[None], position_ids=position_T[None], use_cache=False, rollout=rollout
        )
    return output.last_hidden_state[0].to(policy.autocast or head_of(policy.base).weight.dtype)


def prompts_batch(prompts: Sequence[Ints], device: torch.device) -> Batch:
    """Prompts laid end to end, each a document of its own, without loss tokens."""
    ends = np.cumsum([len(p) for p in prompts]).tolist()
    starts = [0, *ends[:-1]]
    empty = torch.zeros(0, dtype=torch.long, device=device)
    return Batch(
        tokens_T=torch.from_numpy(np.concatenate(list(prompts)).astype(np.int64)).to(device),
        position_T=torch.from_numpy(np.concatenate([np.arange(len(p)) for p in prompts])).to(device),
        branches=tuple(Branch(g, (a, a), (a, b)) for g, (a, b) in enumerate(zip(starts, ends, strict=True))),
        predictor_N=empty,
        target_N=empty,
        completion_N=empty,
        group_C=torch.arange(len(prompts), device=device),
        columns={},
        names=("",) * len(prompts),
    )
