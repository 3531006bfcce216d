"""The decoding loop. A prompt is read once for its group, rows are decoded together, and new rows replace ended ones.

It works on unmodified transformers models that can branch; others use `transformers_generate`.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posttrain.core.attention import layout_of
from posttrain.core.group import Ints
from posttrain.core.logprobs import logits_of
from posttrain.core.packing import Batch, Branch
from posttrain.generation import attention
from posttrain.generation.cache import Cache, step_of
from posttrain.generation.products import PackedLayers, packable, packed_logits, recorded_inputs
from posttrain.generation.request import Generate, Generation, Request, decoding, ends
from posttrain.generation.sampling import Sampling, draw_tokens, uniforms
from posttrain.generation.transformers_generate import generate_plain
from posttrain.policy.forward import backbone_of, head_of, mixed
from posttrain.policy.load import Policy
from posttrain.policy.rope import depends_on_length

ROWS = 128
"""The default number of completions that are generated at once."""

PREFILL = 4096
"""Tokens of prompts that are read in one pass, at most, unless one prompt is longer."""

PACKED_FROM = 8
"""Packing the weights costs as much as a step or two, so it is done for completions of at least so many tokens."""


@dataclass(slots=True)
class _Row:
    """A completion in progress."""

    request: int
    branch: int
    slot: int
    uniform: NDArray[np.float64]
    tokens: list[int] = field(default_factory=list)
    logp: list[float] = field(default_factory=list)


def generate_completions(
    policy: Policy,
    prompts: Sequence[Ints],
    sampling: Sampling,
    *,
    n: int = 1,
    ids: Sequence[int] | None = None,
    rows: int = ROWS,
    on_done: Callable[[int], None] = lambda done: None,
) -> list[list[Generation]]:
    """Generate `n` completions of each prompt.

    Args:
        prompts: token ids, each at least one token.
        ids: a number for each prompt that, with the seed, fixes its draws; by default its index.
        rows: completions generated at once; it limits memory, and is at least `n`.
        on_done: called with the number of completions done.

    Returns:
        the completions of each prompt, in order. They do not depend on the other prompts.
    """
    ids = range(len(prompts)) if ids is None else ids
    if not prompts:
        return []
    longest = max(len(prompt) for prompt in prompts) + sampling.max_new_tokens
    request = Request(prompts, sampling, n, ids, max(rows, n), on_done)
    if not policy.branching or depends_on_length(policy.base.config, longest):
        return generate_plain(policy, request)
    with torch.no_grad(), decoding(policy, attention.register_generation_attention()):
        return _Engine(policy, request).run()


def policy_generate(policy: Policy, rows: int = ROWS) -> Generate:
    """`generate_completions` of one policy, with `rows` completions at once."""
    return lambda prompts, sampling, n, ids: generate_completions(policy, prompts, sampling, n=n, ids=ids, rows=rows)


def greedy(
    policy: Policy,
    prompts: Sequence[Ints],
    *,
    max_new_tokens: int,
    on_done: Callable[[int], None] = lambda n: None,
) -> list[Ints]:
    """Greedy decoding: completions of the most probable tokens, without their end token."""
    groups = generate_completions(policy, prompts, Sampling(max_new_tokens, temperature=0), on_done=on_done)
    return [c.tokens[:-1] if c.ended and c.tokens[-1] in policy.end_tokens else c.tokens for (c,) in groups]


class _Engine:
    """The state of one call of `generate_completions`."""

    def __init__(self, policy: Policy, request: Request) -> None:
        self.policy, self.request = policy, request
        self.prompts, self.sampling, self.n = request.prompts, request.sampling, request.n
        self.head, self.backbone = head_of(policy.base), backbone_of(policy.base)
        self.dtype = policy.autocast or self.head.weight.dtype
        self.logits: Callable[[Tensor], Tensor] = partial(logits_of, head=self.head)
        self.packed: PackedLayers | None = None
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
        try:
            while self.waiting or self.rows:
                while admitted := self._admit():
                    self._prefill(admitted)
                if self.rows:
                    self._decode()
        finally:
            if self.packed is not None:
                self.packed.restore()
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
        batch = _prompts_batch(prompts, self.policy.device)
        spans = [branch.own for branch in batch.branches]
        slots = list(range(len(self.slots), len(self.slots) + len(requests)))
        self.slots += requests
        hidden_TD = self._hidden(
            batch.tokens_T, batch.position_T, attention.Prefill(self.cache, layout_of(batch), spans, slots)
        )
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
        pack = self.packed is None and self.sampling.max_new_tokens >= PACKED_FROM and packable(device, self.dtype)
        with recorded_inputs(self.backbone) if pack else nullcontext([]) as groups:
            hidden_BD = self._hidden(tokens, step.prompt_B + step.length_B, step)
        self._append(rows, self.logits(hidden_BD))
        if pack:
            self.packed, self.logits = PackedLayers(groups), packed_logits(self.head)

    def _hidden(self, tokens_T: Tensor, position_T: Tensor, rollout: object) -> Tensor:
        with mixed(self.policy):
            output = self.backbone(
                input_ids=tokens_T[None], position_ids=position_T[None], use_cache=False, rollout=rollout
            )
        return output.last_hidden_state[0].to(self.dtype)

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


def _prompts_batch(prompts: Sequence[Ints], device: torch.device) -> Batch:
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
