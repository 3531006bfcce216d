"""The decoding loop. A prompt is read once for its group, rows are decoded together, new rows replace ended ones."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posttrain.core.attention import layout_of
from posttrain.core.group import Ints
from posttrain.core.packing import Batch, Branch
from posttrain.generation.attention import Prefill
from posttrain.generation.cache import Cache, Step, step_of
from posttrain.generation.request import Constraint, Generation, Request, Token, ends
from posttrain.generation.sampling import Sampling, draw_tokens, uniforms
from posttrain.policy.forward import backbone_of, head_of, mixed
from posttrain.policy.load import Policy

PREFILL = 4096
"""Tokens of prompts that are read in one pass, at most, unless one prompt is longer."""


@dataclass(eq=False, slots=True)
class Job:
    """A prompt, and the completions that are generated of it side by side.

    Args:
        prompt: token ids, at least one.
        n: the number of completions.
        id: with the seed, it fixes the draws.
        on_end: called with the number of a completion that has ended, from 0, and the completion.
        on_token: called with a completion's number and its next token.
        top: None, or the number of most probable tokens that `on_token` is given with each token.
        constraint: makes the constraint of a completion.
    """

    prompt: Ints
    sampling: Sampling
    n: int
    id: int
    on_end: Callable[[int, Generation], None]
    on_token: Callable[[int, Token], None] | None = None
    top: int | None = None
    constraint: Callable[[], Constraint] | None = None


@dataclass(eq=False, slots=True)
class _Row:
    """A completion in progress."""

    job: Job
    branch: int
    slot: int
    uniform: NDArray[np.float64]
    constraint: Constraint | None
    tokens: list[int] = field(default_factory=list)
    logp: list[float] = field(default_factory=list)


class DecodingLoop:
    """Jobs in progress, which `step` carries on. Jobs may be added and cancelled between two steps.

    Args:
        logits: from hidden states [B, D] to float32 logits [B, V].
    """

    def __init__(self, policy: Policy, cache: Cache, logits: Callable[[Tensor], Tensor]) -> None:
        self.policy, self.cache, self.logits = policy, cache, logits
        self.waiting: deque[Job] = deque()
        self.rows: list[_Row] = []
        self.slots: list[Job] = []  # the job of each slot

    @property
    def busy(self) -> bool:
        """Whether a job is waiting or in progress."""
        return bool(self.waiting or self.rows)

    def submit(self, job: Job) -> None:
        """Add a job. It starts in turn, once its completions fit beside those in progress."""
        self.waiting.append(job)

    def cancel(self, job: Job, branch: int | None = None) -> None:
        """End a job, or one of its completions. What it has generated is lost."""
        if branch is None and job in self.waiting:
            self.waiting.remove(job)
        for row in [row for row in self.rows if row.job is job and branch in (None, row.branch)]:
            self._remove(row)

    def step(self) -> None:
        """Start the jobs that fit, and generate the next token of every completion."""
        while admitted := self._admit():
            self._prefill(admitted)
        if self.rows:
            self._decode()

    def _admit(self) -> list[Job]:
        """The next waiting jobs that fit into the cache, at most one pass of prompts."""
        admitted: list[Job] = []
        rows, tokens = len(self.rows), 0
        while (
            self.waiting
            and rows + self.waiting[0].n <= self.cache.rows
            and len(self.slots) + len(admitted) < self.cache.slots
            and (not admitted or tokens + len(self.waiting[0].prompt) <= PREFILL)
        ):
            admitted.append(self.waiting.popleft())
            rows, tokens = rows + admitted[-1].n, tokens + len(admitted[-1].prompt)
        return admitted

    def _prefill(self, jobs: list[Job]) -> None:
        slots = list(range(len(self.slots), len(self.slots) + len(jobs)))
        self.slots += jobs
        self.cache.reserve(max(job.sampling.max_new_tokens for job in jobs), max(len(job.prompt) for job in jobs))
        batch = prompts_batch([job.prompt for job in jobs], self.policy.device)
        spans = [branch.own for branch in batch.branches]
        prefill = Prefill(self.cache, layout_of(batch), spans, slots)
        hidden_TD = hidden_states(self.policy, batch.tokens_T, batch.position_T, prefill)
        last = torch.tensor([end - 1 for _, end in spans], device=hidden_TD.device)
        repeats = torch.tensor([job.n for job in jobs], device=hidden_TD.device)
        logits = self.logits(hidden_TD[last]).repeat_interleave(repeats, 0)
        new = [
            _Row(
                job,
                branch,
                slot,
                uniforms(job.sampling.seed, job.id, branch, job.sampling.max_new_tokens),
                job.constraint() if job.constraint else None,
            )
            for job, slot in zip(jobs, slots, strict=True)
            for branch in range(job.n)
        ]
        self.rows += new
        self._append(new, logits)

    def _decode(self) -> None:
        rows, device = self.rows, self.policy.device
        lengths = [len(row.tokens) - 1 for row in rows]  # this step writes the last token to the cache
        step = step_of(self.cache, lengths, [row.slot for row in rows], [len(j.prompt) for j in self.slots], device)
        tokens = torch.tensor([row.tokens[-1] for row in rows], device=device)
        self._append(rows, self.logits(hidden_states(self.policy, tokens, step.prompt_B + step.length_B, step)))

    def _append(self, rows: list[_Row], logits_BV: Tensor) -> None:
        """Draw a token for each row, and remove the rows that end."""
        observed = {i: torch.log_softmax(logits_BV[i], -1) for i, row in enumerate(rows) if row.job.top is not None}
        for place, row in enumerate(rows):
            if row.constraint is not None:
                row.constraint.restrict(logits_BV[place])
        tokens_B, logp_B = _drawn(rows, logits_BV)
        ended_rows: list[tuple[_Row, bool]] = []
        for i, (row, token, logp) in enumerate(zip(rows, tokens_B.tolist(), logp_B.tolist(), strict=True)):
            row.tokens.append(token)
            row.logp.append(logp)
            job = row.job
            complete = row.constraint is not None and row.constraint.accept(token)
            ended = ends(row.tokens, self.policy, job.sampling.stop) or complete
            if job.on_token is not None:
                job.on_token(row.branch, _observed(token, observed.get(i), job.top))
            if ended or len(row.tokens) == job.sampling.max_new_tokens:
                ended_rows.append((row, ended))
        for row, ended in ended_rows:
            self._remove(row)
            row.job.on_end(
                row.branch, Generation(np.array(row.tokens, np.int32), np.array(row.logp, np.float32), ended)
            )

    def _remove(self, row: _Row) -> None:
        """Move the last row to this row's place; if its prompt has no row left, move the last prompt to that place."""
        place, last = self.rows.index(row), len(self.rows) - 1
        if place != last:
            self.rows[place] = self.rows[last]
            self.cache.move_row(last, place, len(self.rows[place].tokens))
        self.rows.pop()
        slot, last = row.slot, len(self.slots) - 1
        if any(r.slot == slot for r in self.rows):
            return
        if slot != last:
            self.slots[slot] = self.slots[last]
            self.cache.move_prompt(last, slot, len(self.slots[slot].prompt))
            for r in self.rows:
                r.slot = slot if r.slot == last else r.slot
        self.slots.pop()


def decode_all(policy: Policy, request: Request, logits: Callable[[Tensor], Tensor]) -> list[list[Generation]]:
    """The completions of a request, decoded until each has ended."""
    prompts, n = request.prompts, request.n
    rows = min(request.rows, n * len(prompts))
    slots = min(len(prompts), 2 * -(-rows // n))  # more than whole groups need, since rows of a group end early
    longest = max(len(prompt) for prompt in prompts)
    loop = DecodingLoop(policy, Cache(rows, request.sampling.max_new_tokens, slots, longest), logits)
    done: list[list[Generation | None]] = [[None] * n for _ in prompts]
    count = 0

    def on_end(place: int, branch: int, generation: Generation) -> None:
        nonlocal count
        done[place][branch] = generation
        count += 1
        request.on_done(count)

    for place in sorted(range(len(prompts)), key=lambda place: -len(prompts[place])):  # long prompts first
        loop.submit(Job(prompts[place], request.sampling, n, request.ids[place], partial(on_end, place)))
    while loop.busy:
        loop.step()
    return [[generation for generation in group if generation is not None] for group in done]


def _drawn(rows: Sequence[_Row], logits_BV: Tensor) -> tuple[Tensor, Tensor]:
    """The next token of each row and its log-prob, drawn as the row's job wants; see `draw_tokens`."""
    at = torch.tensor([row.uniform[len(row.tokens)] for row in rows], dtype=torch.float64, device=logits_BV.device)
    ways: dict[tuple[float, ...], list[int]] = {}
    for place, row in enumerate(rows):
        ways.setdefault(row.job.sampling.distribution, []).append(place)
    if len(ways) == 1:
        return draw_tokens(logits_BV, at, rows[0].job.sampling)
    token_B = torch.empty(len(rows), dtype=torch.long, device=logits_BV.device)
    logp_B = torch.empty(len(rows), device=logits_BV.device)
    for places in ways.values():
        index = torch.tensor(places, device=logits_BV.device)
        token_B[index], logp_B[index] = draw_tokens(logits_BV[index], at[index], rows[places[0]].job.sampling)
    return token_B, logp_B


def _observed(token: int, logp_V: Tensor | None, top: int | None) -> Token:
    """A token with its log-prob and the most probable ones, if these are wanted."""
    if logp_V is None:
        return Token(token)
    values, ids = logp_V.topk(top or 0)
    return Token(token, float(logp_V[token]), tuple(zip(ids.tolist(), values.tolist(), strict=True)))


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
